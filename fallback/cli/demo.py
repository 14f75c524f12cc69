"""``fallback demo``: the main job from end to end, with no account."""

import asyncio
import contextlib
import shutil
import sys
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, progress, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fallback.bridge.read_back import Progress
    from fallback.core.migration import Plan
    from fallback.demo.play import Report
    from fallback.demo.stage import Stage
    from fallback.paths import Profile


@click.command("demo")
@click.option("--headless", is_flag=True, help="Without the client: a scripted member takes its place.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report as one JSON object (with --headless)."
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 120),
    help="Seconds of the story in one of yours.  [headless: 60, else 6]",
)
@click.option("--language", type=click.Choice(["ar", "en"]), help="Of the client.  [default: as configured]")
@click.option("--reset", is_flag=True, help="Begin again from nothing.")
@click.option("--yes", is_flag=True, help="Do not wait for a key before the client opens.")
@click.pass_obj
def command(
    profile: str,
    *,
    headless: bool,
    as_json: bool,
    speed: float | None,
    language: str | None,
    reset: bool,
    yes: bool,
) -> None:
    """Run the main job on an embedded homeserver; no account needed.

    A WhatsApp export becomes a Matrix room, scripted phones go on talking, an outage comes and goes.

    \b
    Examples:
      fallback demo
      fallback demo --headless --json
      fallback demo --language ar --reset
    """
    from fallback.errors import UsageError
    from fallback.paths import Profile

    where = Profile("demo" if profile == "default" else profile)
    if as_json and not headless:
        raise UsageError("--json needs --headless", "Run: fallback demo --headless --json")
    if reset:
        for name in (where.name, f"{where.name}-member"):
            shutil.rmtree(Profile(name).data)
    if headless:
        _report(asyncio.run(_headless(where, speed or 60.0)), as_json=as_json)
    else:
        asyncio.run(_live(where, speed or 6.0, language, wait=not yes))


def _report(report: "Report", *, as_json: bool) -> None:
    if as_json:
        emit_json(report)
    else:
        for step in report.steps:
            data(f"{'ok  ' if step.agrees else 'FAIL'} {step.name}: {step.arrived} of {step.expected}")
        data("all of it arrived, once" if report.agrees else "the counts do not agree")
    if not report.agrees:
        raise SystemExit(1)


def _show(plan: "Plan") -> None:
    from zoneinfo import ZoneInfo

    from fallback.cli.plan import describe
    from fallback.demo.stage import TIMEZONE

    for line in describe(plan, ZoneInfo(TIMEZONE)):
        say(line)


async def _headless(where: "Profile", speed: float) -> "Report":
    from fallback.demo.play import Play, relay_on

    async with _set_up(where, speed) as stage, relay_on(stage) as (relay, weather):
        return await Play(stage, relay, weather, say).run()


async def _live(where: "Profile", speed: float, language: str | None, *, wait: bool) -> None:
    from fallback.demo.live import watch

    async with _set_up(where, speed) as stage:
        if wait:
            say("Enter opens the client; F9 in it begins the outage, Ctrl+Q ends.")
            await asyncio.to_thread(sys.stdin.readline)
        await watch(stage, where, language)
    say("the demo's homeserver has stopped; run it again and it goes on from here")


@contextlib.asynccontextmanager
async def _set_up(where: "Profile", speed: float) -> "AsyncIterator[Stage]":
    """Show the plan and carry it out; the bar is gone when the rest begins."""
    from fallback import compose, logs
    from fallback.cli.plan import result
    from fallback.clock import SystemClock
    from fallback.demo.stage import read_example, stage

    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    plan, events, _ = read_example(where)
    _show(plan)
    async with contextlib.AsyncExitStack() as stack:
        with progress("importing", len(events)) as advance:
            made = await stack.enter_async_context(stage(where, SystemClock(speed), _importing(advance)))
        say(f"homeserver on {made.server.url}")
        say(result(made.check))
        yield made


def _importing(advance: "Callable[[], None]") -> "Progress":
    def told(step: str, done: int, total: int) -> None:  # noqa: ARG001 - the protocol's names
        if step == "messages":
            advance()

    return told

"""``fallback demo``: the main job from end to end, with no account."""

import asyncio
import shutil
from typing import Any

import click

from fallback.cli.output import data, emit_json, progress, say


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


def _report(report: Any, *, as_json: bool) -> None:
    if as_json:
        emit_json(report)
    else:
        for step in report.steps:
            data(f"{'ok  ' if step.agrees else 'FAIL'} {step.name}: {step.arrived} of {step.expected}")
        data("all of it arrived, once" if report.agrees else "the counts do not agree")
    if not report.agrees:
        raise SystemExit(1)


def _show(plan: Any) -> None:
    from zoneinfo import ZoneInfo

    from fallback.cli.plan import describe
    from fallback.demo.stage import TIMEZONE

    for line in describe(plan, ZoneInfo(TIMEZONE)):
        say(line)


async def _headless(where: Any, speed: float) -> Any:
    from fallback.clock import SystemClock
    from fallback.demo.play import Play, relay_on
    from fallback.demo.stage import read_example, stage

    clock = SystemClock(speed)
    _logged(where)
    plan, events, _ = read_example(where)
    _show(plan)
    with progress("importing", len(events)) as advance:
        async with stage(where, clock, _importing(advance)) as set_up:
            _verified(set_up)
            async with relay_on(set_up) as (relay, weather):
                return await Play(set_up, relay, weather, say).run()


async def _live(where: Any, speed: float, language: str | None, *, wait: bool) -> None:
    from fallback.clock import SystemClock
    from fallback.demo.live import watch
    from fallback.demo.stage import read_example, stage

    clock = SystemClock(speed)
    _logged(where)
    plan, events, _ = read_example(where)
    _show(plan)
    with progress("importing", len(events)) as advance:
        async with stage(where, clock, _importing(advance)) as set_up:
            _verified(set_up)
            if wait:
                say("Enter opens the client; F9 in it begins the outage, Ctrl+Q ends.")
                await asyncio.to_thread(click.get_text_stream("stdin").readline)
            await watch(set_up, where, language)
    say("the demo's homeserver has stopped; run it again and it goes on from here")


def _importing(advance: Any) -> Any:
    def told(step: str, _done: int, _total: int) -> None:
        if step == "messages":
            advance()

    return told


def _verified(set_up: Any) -> None:
    from fallback.cli.plan import result

    say(f"homeserver on {set_up.server.url}")
    say(result(set_up.check))


def _logged(where: Any) -> None:
    from fallback import compose, logs

    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)

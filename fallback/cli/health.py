"""``fallback health``: replay a recorded outage, or look now."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.core.health import Health, Sample
    from fallback.core.ports import Probe
    from fallback.probes.settings import Settings


@click.group("health")
def command() -> None:
    """See whether WhatsApp works, or replay a recorded outage.

    \b
    Examples:
      fallback health watch --once
      fallback health replay tests/data/outages/2021-10-04-bgp-dns.json
    """


@command.command()
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def replay(trace: Path) -> None:
    """Run an outage trace through the detector and print each change of its verdict.

    Prints JSON lines: t (seconds), state, cause (or null), why.

    \b
    Examples:
      fallback health replay tests/data/outages/blip-90s.json
      fallback health replay trace.json | jq -r '"\\(.t) \\(.state) \\(.why)"'
    """
    from fallback.probes.trace import load
    from fallback.probes.trace import replay as run

    for health in run(load(trace)):
        emit_json({"t": health.at, "state": health.state, "cause": health.cause, "why": health.why})


@command.command()
@click.option("--once", is_flag=True, help="Look once with every probe and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_obj
def watch(profile: str, *, once: bool, as_json: bool) -> None:
    """Look at WhatsApp and at this machine's own network, and say what is found.

    Without --once it goes on until Ctrl-C and prints each change of the verdict.  The hosts, resolvers and controls
    are those of the configuration; no account is used.

    \b
    Examples:
      fallback health watch --once
      fallback health watch --json >> outages.jsonl
    """
    import asyncio

    from fallback import compose
    from fallback.paths import Profile
    from fallback.probes.build import settings_from

    settings = settings_from(compose.settings(Profile(profile)))
    asyncio.run(look_once(settings, as_json=as_json) if once else look_on(settings, as_json=as_json))


async def look_once(settings: "Settings", *, as_json: bool) -> None:
    """Take one sample of every probe, a second one where it was bad, and say what that shows."""
    from fallback.clock import SystemClock
    from fallback.core.detector import Detector
    from fallback.probes.build import probes

    clock, detector = SystemClock(), Detector()
    async with probes(settings, clock) as made:
        samples = await _look(made)
        doubtful = {sample.probe for sample in samples if sample.outcome not in ("ok", "none")}
        again = await _look([probe for probe in made if probe.name in doubtful])
    for sample in [*samples, *again]:
        detector.feed(sample)
    for sample in {sample.probe: sample for sample in [*samples, *again]}.values():
        if as_json:
            emit_json(sample)
        else:
            data(f"{sample.probe:<14} {sample.outcome:<14} {sample.latency_ms or 0:>8.0f} ms")
    signs = detector.explain(clock.now() / 1000)
    say("; ".join(signs).rstrip(".") + "." if signs else "Nothing is wrong.")


async def look_on(settings: "Settings", *, as_json: bool) -> None:
    """Watch until cancelled."""
    from fallback.bridge.watch import Watch
    from fallback.clock import SystemClock
    from fallback.probes.build import probes

    async def tell(health: "Health") -> None:
        if as_json:
            emit_json(health)
        else:
            cause = f" ({health.cause.value})" if health.cause else ""
            data(f"{_clock(health.at)} {health.state.value}{cause}: {health.why}")

    clock = SystemClock()
    async with probes(settings, clock) as made:
        say(f"watching with {len(made)} probes; a verdict needs some minutes of evidence; Ctrl-C ends it")
        await Watch(made, clock, tell).run()


async def _look(made: "list[Probe]") -> "list[Sample]":
    import asyncio

    async with asyncio.TaskGroup() as looks:
        tasks = [looks.create_task(probe.sample()) for probe in made]
    return [task.result() for task in tasks]


def _clock(at: float) -> str:
    import datetime as dt

    return dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")

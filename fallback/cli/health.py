"""``fallback health``: replay a recorded outage, or look now."""

from pathlib import Path

import click

from fallback.cli.output import emit_json


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

    \b
    Example:
      fallback health replay tests/data/outages/blip-90s.json
    """
    from fallback.probes.trace import load
    from fallback.probes.trace import replay as run

    for health in run(load(trace)):
        emit_json({"t": health.at, "state": health.state, "cause": health.cause, "why": health.why})

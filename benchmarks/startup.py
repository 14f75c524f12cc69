"""How long a command takes to start, against a bare click program."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import Row

BARE = """
import click
@click.group()
def main():
    "A bare program."
@main.command()
def status():
    click.echo("fine")
main()
"""


def seconds(commands: list[list[str]], rounds: int) -> list[float]:
    """Time commands in turn; gives the median of each."""
    times: list[list[float]] = [[] for _ in commands]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "FALLBACK_DATA_HOME": home, "FALLBACK_CONFIG_HOME": home}
        for _ in range(rounds):
            for place, command in zip(times, commands, strict=True):
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=environment)
                place.append(time.perf_counter() - start)
    return [statistics.median(each) for each in times]


def run(quick: bool) -> list[Row]:
    """Measure ``--help`` and ``status``."""
    rows: list[Row] = []
    with tempfile.NamedTemporaryFile("w", suffix=".py") as bare:
        bare.write(BARE)
        bare.flush()
        program = str(Path(sys.executable).with_name("fallback"))
        for verb in ("--help", "status"):
            commands = [[sys.executable, bare.name, verb], [program, verb]]
            base, ours = seconds(commands, 7 if quick else 25)
            detail = f"{ours * 1000:.0f} ms, bare click {base * 1000:.0f} ms"
            rows.append(
                {"name": f"fallback {verb}", "ratio": ours / base, "goal": "<= 1.5", "detail": detail}
            )
    return rows

"""How far a migration is: on a terminal bars with rate and time left, elsewhere a line at each tenth."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fallback.cli.output import say

if TYPE_CHECKING:
    from fallback.bridge.read_back import Progress

STEPS = {
    "people": "people",
    "files": "files",
    "messages": "importing",
    "check": "reading back",
    "compare": "comparing files",
}
"""What each step is called, in the order in which they are."""


@contextlib.contextmanager
def meter() -> "Iterator[Progress]":
    """Show each step; gives what is told how far it is."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def told(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(STEPS[step], total=total, rate="")
            task = bars.tasks[tasks[step]]
            bars.update(
                task.id, completed=done, total=total, rate=f"{task.speed:.0f}/s" if task.speed else ""
            )

        yield told


class _Lines:
    """A line at each tenth of a step, with its rate and the time left."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        since, first = self._begun.setdefault(step, (now, done))
        if total and done * 10 // total != (done - 1) * 10 // total:
            say(f"{STEPS[step]}: {done} of {total}{pace(done - first, total - done, now - since)}")


def pace(done: int, rest: int, seconds: float) -> str:
    """Say how fast it goes and how long the rest takes; nothing where that can't be known yet."""
    if seconds < 0.5 or not done:
        return ""
    rate = done / seconds
    return f", {rate:.0f} a second" + (f", about {rest / rate:.0f} s left" if rest else "")

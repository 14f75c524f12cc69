"""What commands print: data to stdout, narration to stderr, and nothing that a terminal would obey."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from fallback.errors import FallbackError
from fallback.text import coded, sanitise


def data(text: str) -> None:
    """Print a line that another program may read."""
    click.echo(_shown(text))


def say(text: str = "") -> None:
    """Print a line for the person."""
    click.echo(_shown(text), err=True)


def emit_json(value: Any) -> None:
    """Print one JSON object on one line; structs and mappings alike.

    What a terminal would obey is written as its code, so that a program reads the value as it is.
    """
    import msgspec

    click.echo(coded(msgspec.json.encode(value).decode()))


def _shown(text: str) -> str:
    return sanitise(text).replace("\t", "    ")


@contextlib.contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, elsewhere a line at each tenth; gives what advances it by one."""
    if not sys.stderr.isatty():
        yield _lines(label, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def _lines(label: str, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done * 10 // total != (done - 1) * 10 // total:
            say(f"{label}: {done} of {total}")

    return advance


def explain(error: FallbackError) -> None:
    """Print an error as one sentence and what to do next."""
    say(f"error: {error.message}")
    if error.hint:
        say(f"       {error.hint}")

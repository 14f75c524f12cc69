"""What passes over the control socket, and where it lies."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fallback.core.events import Frozen
from fallback.core.ids import DeliveryId

VERSION = 1
NAME = "relay.sock"
"""Beside the profile's store."""
LONGEST = 65_536
"""Bytes of a request."""
PATIENCE = 30.0
"""Seconds for one request."""


class Request(Frozen, frozen=True, omit_defaults=False):
    """What a caller wants; ``delivery`` of those commands that are about one."""

    command: str
    version: int = VERSION
    delivery: str = ""


class Refusal(Frozen, frozen=True):
    """An error as it crosses the socket; ``code`` is its exit code."""

    message: str
    hint: str = ""
    code: int = 1


class Answer(Frozen, frozen=True, omit_defaults=False):
    """The outcome of a request: a value, or why there is none."""

    value: Any = None
    refusal: Refusal | None = None
    version: int = VERSION


class Stuck(Frozen, frozen=True):
    """A delivery that a person must clear, without what it says."""

    id: DeliveryId
    portal: str
    target: str
    at: int
    error: str


@contextlib.contextmanager
def reachable(folder: Path) -> Iterator[Path]:
    """Give the socket's path in a form that is short enough for the kernel, however deep the folder lies."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / NAME
    finally:
        os.close(descriptor)

"""What a daemon and its supervisor tell each other: signals, readiness, the watchdog."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

log = logging.getLogger(__name__)


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set, instead of ending the process."""
    with on_signals((signal.SIGTERM, signal.SIGINT)) as stop:
        yield stop


@contextlib.contextmanager
def on_signals(numbers: tuple[signal.Signals, ...]) -> Iterator[asyncio.Event]:
    """Give an event that the signals set meanwhile."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    for number in numbers:
        loop.add_signal_handler(number, came.set)
    try:
        yield came
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until the event is set, then cancel and wait; an error of the work itself is raised."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work)
        asked = group.create_task(stop.wait())
        await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        running.cancel()
        asked.cancel()


def notify(*lines: str) -> None:
    """Tell systemd (``READY=1``, ``STATUS=…``); nothing where it did not ask to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        with socket.socket(socket.AF_UNIX, kind) as there:
            there.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1))
    except OSError:
        log.warning("the service manager can't be told: %s", lines[0])


def reloading() -> None:
    """Tell systemd that the configuration is read again; ``READY=1`` ends that."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_interval() -> float:
    """Give the seconds between two signs of life that systemd wants; 0 for none."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(wanted) / 2e6 if ours and wanted.isdecimal() else 0.0


async def watchdog(alive: Callable[[], Awaitable[object]]) -> None:
    """Give signs of life until cancelled, each only after ``alive`` has come back."""
    interval = watchdog_interval()
    while interval:
        await alive()
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)

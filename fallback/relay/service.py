"""Run a daemon's work until a signal asks it to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set, instead of ending the process."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until the event is set, then cancel and wait; an error of the work itself is raised."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work)
        asked = group.create_task(stop.wait())
        await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        asked.cancel()

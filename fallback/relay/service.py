"""Run a daemon's work until a signal asks it to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT, then cancel and wait; an error of the work itself is raised."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(work)
            asked = group.create_task(stop.wait())
            await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            asked.cancel()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

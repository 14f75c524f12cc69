"""Alerts on this machine's desktop, by notify-send."""

import asyncio
import shutil

from fallback.errors import PermanentError, TransientError
from fallback.text import sanitise_name


class DesktopAlert:
    """Shows the title alone: arguments of a program can be read by others on this machine."""

    name = "desktop"

    def __init__(self, program: str = "notify-send") -> None:
        self.program = program

    async def send(self, title: str, text: str, address: str) -> None:
        """Notify; the address is of no concern.

        Raises:
            PermanentError: this machine has no notify-send.
            TransientError: no desktop answers.
        """
        found = shutil.which(self.program)
        if found is None:
            raise PermanentError("this machine has no notify-send", "Install libnotify.")
        arguments = ("--app-name=fallback", "--urgency=critical", "--", sanitise_name(title))
        nowhere = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(found, *arguments, stdout=nowhere, stderr=nowhere)
        if await process.wait():
            raise TransientError("no desktop answers on this machine")

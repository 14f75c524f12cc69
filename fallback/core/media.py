"""Files on this computer that a message carries: kept under a name until the homeserver has them."""

from typing import Protocol

from fallback.core.events import Attachment

LOCAL = "local:"
"""Begins the source of a file that is kept here; the rest is its name."""
LARGEST = 100 * 1024 * 1024
"""Bytes of a file that is sent."""


class Media(Protocol):
    """Where the bytes of files are kept."""

    async def keep(self, name: str, data: bytes) -> None:
        """Keep a file; it is on the disk when this returns.

        Raises:
            StoreError: it can't be written.
        """
        ...

    async def fetch(self, name: str) -> bytes:
        """Give a file's bytes.

        Raises:
            PermanentError: it is not here, or not as it was.
        """
        ...

    async def forget(self, name: str) -> None:
        """Remove a file; harmless where there is none."""
        ...


def local_name(file: Attachment) -> str:
    """Give the name that a file is kept under; empty for one that is elsewhere."""
    return file.source.removeprefix(LOCAL) if file.source.startswith(LOCAL) else ""

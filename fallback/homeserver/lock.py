"""A pid file whose owner holds a lock on it, so that a stale one can't lie."""

import fcntl
import os
import time
from pathlib import Path


class PidLock:
    """An exclusive lock on a file that names its holder; the system frees it when the holder dies.

    Args:
        path: the pid file; stays when the lock is freed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, patience: float = 0.2) -> bool:
        """Take the lock and write our pid; ``False`` where somebody else keeps it.  Blocks.

        Args:
            patience: seconds to go on trying; the default outlasts a look by ``holder``.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + patience
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > end:
                os.close(descriptor)
                return False
            time.sleep(0.01)
        self._descriptor = descriptor
        self.sign()
        return True

    def sign(self) -> None:
        """Write our pid into the file; again after a fork, as the lock goes with the child."""
        if self._descriptor is not None:
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; harmless without one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> int | None:
    """Give the pid of the living process that holds the lock; ``None`` where nobody does.

    0 stands for a holder in the moment before it wrote its pid.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):
            return None
        text = os.pread(descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

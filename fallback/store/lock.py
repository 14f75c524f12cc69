"""One process owns a profile: an exclusive lock that names its owner."""

import fcntl
import os
import sys
from pathlib import Path
from typing import Self

from fallback.errors import ProfileBusyError
from fallback.paths import private_folder
from fallback.text import sanitise_name


class ProfileLock:
    """An exclusive lock beside a profile's store; the kernel frees it when its owner dies.

    Args:
        file: the lock file; it stays when the lock is freed.
        name: the profile, for the message.

    Raises:
        ProfileBusyError: another process (or another store of this one) holds it.
    """

    def __init__(self, file: Path, name: str) -> None:
        private_folder(file.parent)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = _owner(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            raise ProfileBusyError(
                f"profile {name} is in use by {owner}",
                "Stop it first, or choose another profile with --profile.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n{_command()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; a second call is harmless."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _command() -> str:
    """Name this process: the program and its first word, never an option's value."""
    program = Path(sys.argv[0] if sys.argv else "").name
    program = "fallback" if program in ("", "-c", "-m", "__main__.py") else program
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    return f"{program} {first}" if first.replace("-", "").isalpha() and first[0] != "-" else program


def _owner(descriptor: int) -> str:
    pid, _, command = os.pread(descriptor, 400, 0).decode(errors="replace").partition("\n")
    if not pid.strip().isdecimal():
        return "another process"
    return f"process {pid.strip()} ({sanitise_name(command) or 'unknown'})"

"""The child process: how it is launched, watched and ended, and what its log says when it dies."""

import asyncio
import contextlib
import importlib.util
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from fallback.errors import HomeserverError
from fallback.homeserver.layout import Layout
from fallback.homeserver.lock import holder
from fallback.text import sanitise_name

LOG_LIMIT = 4_000_000
"""Bytes of a log that is put aside at the next start."""

TICK = 0.05
"""Seconds between two looks at a process."""

_INTERNAL = re.compile(r"^(\s|Traceback|During handling|The above exception|[*~^=-]+\s*$)")
_STAMP = re.compile(r"^[\d-]+ [\d:,]+ (?P<level>[A-Z]+) [\w.-]+: ")
_NO_SPACE = ("No space left on device", "database or disk is full", "disk I/O error", "Disk quota exceeded")
_NO_SPACE_HINT = "Free some space, then run the same command again."


def require_synapse() -> None:
    """Refuse to go on without the package.

    Raises:
        HomeserverError: it is not installed.
    """
    if importlib.util.find_spec("synapse") is None:
        raise HomeserverError(
            "the managed homeserver needs the package matrix-synapse", "Run: pip install 'fallback[server]'"
        )


def free_port(wanted: int = 0) -> int | None:
    """Give a free port on loopback: the wanted one or, for 0, any; ``None`` where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
        port: int = probe.getsockname()[1]
        return port


def spawn(layout: Layout, *, detached: bool) -> subprocess.Popen[bytes]:
    """Start the child in its own session, so that Ctrl-C in the terminal is ours to handle."""
    _rotate(layout)
    log = os.open(layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # NOTIFY_SOCKET: Synapse would tell systemd that the relay's main process is another one
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    mode = "detached" if detached else "attached"
    try:
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "fallback.homeserver.child", str(layout.folder), mode],
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=layout.folder,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(log)


async def until(condition: Callable[[], bool], patience: float = math.inf) -> bool:
    """Wait for a condition of the outside; ``False`` where it did not come in time."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(TICK)
    return True


async def end_child(process: subprocess.Popen[bytes], patience: float) -> None:
    """Stop our own child: politely, then not; a dead one is only reaped."""
    if process.poll() is None:
        process.terminate()
    await until(lambda: process.poll() is not None, patience)
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


async def end_stranger(layout: Layout, patience: float) -> bool:
    """Stop whatever homeserver runs on this folder, by the lock that it holds; ``False`` for none.

    Raises:
        HomeserverError: it can't be stopped.
    """
    pid = holder(layout.pid)
    if pid is None:
        return False
    for sign, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        await until(lambda: holder(layout.pid) != 0, 1.0)
        pid = holder(layout.pid)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        if await until(lambda: holder(layout.pid) is None, wait):
            return True
    raise HomeserverError(f"the homeserver with pid {pid} does not stop", "End that process by hand.")


def death(log: str, layout: Layout, port: int) -> HomeserverError:
    """Say why the child died, from what it wrote since its start."""
    if any(sign in log for sign in _NO_SPACE):
        return HomeserverError(f"there is no space left in {layout.folder}", _NO_SPACE_HINT)
    if "Address already in use" in log or "CannotListenError" in log:
        return HomeserverError(f"port {port} is in use", "Free it, or choose another one with --port.")
    return HomeserverError(
        f"the homeserver ended during its start: {last_error(log) or 'it said nothing'}",
        f"Its log has more: {layout.log}",
    )


def last_error(log: str) -> str:
    """Give the last line that tells a person something: no traceback, frame or ornament."""
    found = ""
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if (
            (stamp and stamp["level"] not in ("ERROR", "CRITICAL"))
            or _INTERNAL.match(line)
            or not line.strip()
        ):
            continue
        found = line[stamp.end() :] if stamp else line
    return sanitise_name(found, 300)


def log_size(layout: Layout) -> int:
    """Give the log's present length in bytes."""
    return layout.log.stat().st_size if layout.log.exists() else 0


def log_since(layout: Layout, offset: int) -> str:
    """Give what the log gained since it was ``offset`` bytes long; 200 kB at most."""
    with layout.log.open("rb") as file:
        file.seek(max(offset, log_size(layout) - 200_000))
        return file.read().decode("utf-8", "replace")


def _rotate(layout: Layout) -> None:
    if log_size(layout) > LOG_LIMIT:
        layout.log.replace(layout.log.with_suffix(".log.1"))

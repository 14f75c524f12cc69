"""The child process: takes its lock, watches its manager, then becomes Synapse.

Run as ``python -m fallback.homeserver.child FOLDER attached|detached``.  An attached child has a pipe to its
manager as stdin: when the manager dies, by whatever means, the pipe ends and the child stops as on SIGTERM.  A
detached one forks once it has its lock, so that it belongs to nobody.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

from fallback.homeserver.layout import Layout
from fallback.homeserver.lock import PidLock

PATIENCE = 10.0
"""Seconds that a predecessor has to end."""


def main(folder: str, mode: str) -> None:
    """Run Synapse on a folder until it is told to stop."""
    os.umask(0o077)
    layout = Layout(Path(folder))
    lock = PidLock(layout.pid)
    if not lock.acquire(PATIENCE):
        sys.exit("another homeserver runs on this folder")
    if mode == "detached":
        if os.fork():
            os._exit(0)
        lock.sign()
    else:
        threading.Thread(target=_watch, daemon=True, name="manager-watch").start()
    sys.argv = ["synapse", "-c", str(layout.config)]
    runpy.run_module("synapse.app.homeserver", run_name="__main__", alter_sys=True)


def _watch() -> None:
    """Wait for the end of the pipe, then stop this process as a person would."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The managed homeserver as the rest of the program sees it: start, use, stop, restart."""

import asyncio
import errno
import logging
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from fallback.errors import HomeserverError, ProfileBusyError, TransientError
from fallback.homeserver import accounts, database, process
from fallback.homeserver.api import call
from fallback.homeserver.keys import Keys, load_keys, tighten
from fallback.homeserver.layout import Layout, State, load_state
from fallback.homeserver.lock import PidLock, holder
from fallback.homeserver.registration import registration
from fallback.homeserver.settings import log_settings, settings
from fallback.paths import private_file, private_folder

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

SPACE_NEEDED = 64_000_000
"""Bytes free below which it does not start."""

START_LIMIT = 120.0
STOP_LIMIT = 10.0


class ManagedHomeserver:
    """A Synapse on loopback as a child process; its data, secrets and log are in one folder.

    Only one manager may have a folder.  A child whose manager was killed stops by itself; a later start waits
    for that, or stops it, and goes on with the same data.

    Args:
        folder: made if need be.
        server_name: part of every user id; the one that the data were made with, for ever.
        port: 0 takes the last one again, or any free one.
        attach: where it already runs (another command, or detached), use that one and let it run on.
    """

    def __init__(
        self, folder: Path, *, server_name: str = "fallback.local", port: int = 0, attach: bool = False
    ) -> None:
        self.layout = Layout(folder.absolute())
        self.server_name = server_name
        self._wanted_port = port
        self._attach = attach
        self._port = 0
        self._lock = PidLock(self.layout.manager)
        self._child: subprocess.Popen[bytes] | None = None
        self._borrowed = False
        self._keys: Keys | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # ── what it is ───────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """The base URL, known once it was started."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def as_token(self) -> str:
        """The appservice's token; a secret."""
        return self._secrets().as_token

    @property
    def pid(self) -> int | None:
        """The child's process id, while it lives."""
        return (
            holder(self.layout.pid)
            if self._borrowed
            else (self._child.pid if self.alive and self._child else None)
        )

    @property
    def alive(self) -> bool:
        """Whether the process lives; one that hangs does too."""
        if self._borrowed:
            return holder(self.layout.pid) is not None
        return self._child is not None and self._child.poll() is None

    @property
    def borrowed(self) -> bool:
        """Whether the server is another process's, or runs by itself: ``stop`` leaves it running."""
        return self._borrowed

    # ── start and stop ───────────────────────────────────────────────────────────────────────────

    async def start(self, progress: Progress = log.info, *, detach: bool = False) -> None:
        """Start it and wait until it answers.

        Args:
            progress: told what goes on, in a few words.
            detach: leave it running when this process ends; ``stop`` then only lets go of it.

        Raises:
            HomeserverError: no package, port in use, no space, or it died; the message says why.
            ProfileBusyError: another process manages this folder.
        """
        process.require_synapse()
        try:
            await asyncio.to_thread(private_folder, self.layout.folder)
            if not await asyncio.to_thread(self._lock.acquire):
                await self._use_another_s(progress)
                return
            state = load_state(self.layout)
            if state and state.detached and holder(self.layout.pid) is not None:
                await self._borrow(progress)
                return
            await self._launch(state, progress, detach=detach)
        except OSError as error:
            await self.stop()
            raise _no_folder(error, self.layout.folder) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it, politely and then not, and free the folder; harmless when it does not run."""
        child, self._child, self._borrowed = self._child, None, False
        try:
            if child is not None:
                await process.end_child(child, STOP_LIMIT)
        finally:
            self._lock.release()

    async def wait(self) -> int:
        """Wait until it ends; gives the exit code (negative: the signal; 0 for one that another process manages)."""
        await process.until(lambda: not self.alive)
        return (self._child.poll() or 0) if self._child else 0

    async def died(self, patience: float = 1.0) -> bool:
        """Tell whether it is gone, or goes in a moment: its connections close before the process ends.

        Args:
            patience: seconds.
        """
        return await process.until(lambda: not self.alive, patience)

    async def supervise(self, progress: Progress = log.warning) -> None:
        """Start it again whenever it crashes; returns when it ends in good order.

        Raises:
            HomeserverError: it can't be started again, or crashed three times within a minute.
        """
        crashes: list[float] = []
        while await self.wait() != 0:
            crashes = [at for at in crashes if at > time.monotonic() - 60] + [time.monotonic()]
            if len(crashes) >= 3:
                raise HomeserverError(
                    "the homeserver has crashed three times within a minute",
                    f"Its log says why: {self.layout.log}",
                )
            progress("the homeserver has crashed; starting it again")
            self._wanted_port = self._port
            await self._launch(load_state(self.layout), progress, detach=False)

    async def _launch(self, state: State | None, progress: Progress, *, detach: bool) -> None:
        if state and state.server_name != self.server_name:
            raise HomeserverError(
                f"the data in {self.layout.folder} belong to {state.server_name}, not to {self.server_name}",
                f'Set server_name = "{state.server_name}" in the configuration.',
            )
        if holder(self.layout.pid) is not None:
            progress("stopping a homeserver that an earlier run left behind")
            await process.end_stranger(self.layout, STOP_LIMIT)
        self._port = self._choose_port(state)
        await asyncio.to_thread(self._prepare, detach=detach)
        progress("starting the homeserver" if state else "starting the homeserver for the first time")
        offset = process.log_size(self.layout)
        if self._child is not None and self._child.stdin:
            self._child.stdin.close()
        self._child = process.spawn(self.layout, detached=detach)
        if detach and await asyncio.to_thread(self._child.wait) == 0:
            self._child, self._borrowed = None, True
        try:
            await self._until_ready(offset)
        except BaseException:
            if detach:
                await process.end_stranger(self.layout, STOP_LIMIT)
            raise
        if detach:
            self._lock.release()
        progress(f"the homeserver answers at {self.url}")

    def _choose_port(self, state: State | None) -> int:
        wanted = self._wanted_port
        port = process.free_port(wanted or (state.port if state else 0)) or (
            None if wanted else process.free_port()
        )
        if port is None:
            raise HomeserverError(f"port {wanted} is in use", "Free it, or choose another one with --port.")
        return port

    def _prepare(self, *, detach: bool) -> None:
        """Write all that Synapse reads."""
        layout = self.layout
        if shutil.disk_usage(layout.folder).free < SPACE_NEEDED:
            raise OSError(errno.ENOSPC, "less than 64 MB are free")
        keys = self._keys = load_keys(layout)
        private_folder(layout.media)
        for path, value in (
            (layout.registration, registration(keys.as_token, keys.hs_token, self.server_name)),
            (layout.log_config, log_settings()),
            (layout.config, settings(self.server_name, self._port, layout, keys)),
        ):
            private_file(path, msgspec.json.format(msgspec.json.encode(value)))
        State(self.server_name, self._port, detach).save(layout)
        tighten(layout.folder)
        database.analyze_if_stale(layout.database)

    async def _until_ready(self, offset: int) -> None:
        """Ask for /versions until it answers."""
        end = time.monotonic() + START_LIMIT
        while True:
            if not self.alive:
                raise process.death(process.log_since(self.layout, offset), self.layout, self._port)
            if await self._answers():
                return
            if time.monotonic() > end:
                raise HomeserverError(
                    f"the homeserver did not answer within {START_LIMIT:.0f} s", f"Its log: {self.layout.log}"
                )
            await asyncio.sleep(process.TICK)

    async def _answers(self) -> bool:
        try:
            status, _ = await asyncio.to_thread(call, self.url, "GET", "/_matrix/client/versions")
        except TransientError:
            return False
        return status == 200

    # ── one that another process started ─────────────────────────────────────────────────────────

    async def _use_another_s(self, progress: Progress) -> None:
        """Use the server of the manager that has the folder, if that is allowed."""
        pid = holder(self.layout.manager)
        if not self._attach:
            raise ProfileBusyError(
                f"another process ({pid or 'just starting'}) runs this profile's homeserver",
                "Stop that process, or choose another profile with --profile.",
            )
        layout = self.layout
        await process.until(
            lambda: holder(layout.pid) is not None or holder(layout.manager) is None, START_LIMIT
        )
        await self._borrow(progress)

    async def _borrow(self, progress: Progress) -> None:
        self._lock.release()
        state = load_state(self.layout)
        if state is None or state.server_name != self.server_name:
            raise HomeserverError(
                f"the homeserver that runs in {self.layout.folder} is not {self.server_name}",
                "Set its server_name in the configuration, or stop it: fallback homeserver stop",
            )
        self._port, self._borrowed = state.port, True
        if self._wanted_port not in (0, self._port):
            progress(f"it already runs on port {self._port}")
        await self._until_ready(process.log_size(self.layout))
        progress(f"using the homeserver at {self.url}")

    # ── what it can do ───────────────────────────────────────────────────────────────────────────

    async def create_account(
        self, localpart: str, *, display_name: str = "", admin: bool = False
    ) -> accounts.Account:
        """Make an account with a random password, or reset the password of one that exists.

        Raises:
            UsageError: the name can't be used.
            HomeserverError, TransientError: the homeserver refused or does not answer.
        """
        return await asyncio.to_thread(
            accounts.create,
            self.url,
            self.server_name,
            self._secrets(),
            localpart,
            display_name=display_name,
            admin=admin,
        )

    async def registration_token(self, *, expires_at: int) -> str:
        """Make a token with which one person can make one account until a time (ms); a secret.

        Raises:
            HomeserverError, TransientError: the homeserver refused or does not answer.
        """
        return await asyncio.to_thread(
            accounts.registration_token, self.url, self.server_name, self._secrets(), expires_at=expires_at
        )

    async def login(
        self, user: str, password: str, *, device: str = "", device_name: str = "fallback"
    ) -> tuple[str, str]:
        """Sign in with a password; gives the access token and the device id.

        Raises:
            AuthError: the password is wrong.
            TransientError: the homeserver does not answer.
        """
        return await asyncio.to_thread(
            accounts.login, self.url, user, password, device=device, device_name=device_name
        )

    async def analyze(self) -> None:
        """Give SQLite its statistics: after an import, reading a long room back is many times faster.

        Raises:
            TransientError: the database was busy.
        """
        try:
            await asyncio.to_thread(database.analyze, self.layout.database)
        except sqlite3.OperationalError as error:
            raise TransientError("the homeserver's database is busy") from error

    def _secrets(self) -> Keys:
        if self._keys is None:
            self._keys = load_keys(self.layout)
        return self._keys


def _no_folder(error: OSError, folder: Path) -> HomeserverError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HomeserverError(
            f"there is no space left in {folder}", "Free some space, then run the same command again."
        )
    return HomeserverError(f"{error.filename or folder} can't be used: {error.strerror or error}")

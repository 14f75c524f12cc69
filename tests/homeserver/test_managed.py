import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fallback.errors import HomeserverError, ProfileBusyError
from fallback.homeserver import ManagedHomeserver, managed, process
from fallback.homeserver.keys import load_keys
from fallback.homeserver.layout import Layout
from fallback.homeserver.lock import PidLock, holder

live = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
MANAGER = """
import asyncio, sys
from pathlib import Path
from fallback.homeserver import ManagedHomeserver

async def main():
    server = ManagedHomeserver(Path(sys.argv[1]))
    await server.start(lambda _: None)
    account = await server.create_account("nour")
    print(server.pid, account.user, account.password, flush=True)
    await asyncio.sleep(120)

asyncio.run(main())
"""


def started_manager(folder: Path) -> tuple[subprocess.Popen, int, str, str]:
    """Start a manager in a process of its own: the process, Synapse's pid, a user and the password."""
    manager = subprocess.Popen([sys.executable, "-c", MANAGER, str(folder)], stdout=subprocess.PIPE)
    pid, user, password = manager.stdout.readline().decode().split()
    return manager, int(pid), user, password


def kill(manager: subprocess.Popen) -> None:
    manager.kill()
    manager.wait()
    manager.stdout.close()


class TestLife:
    pytestmark = live

    async def test_it_starts_on_a_new_folder_and_again_on_its_data_at_the_same_address(self, tmp_path):
        told: list[str] = []
        server = ManagedHomeserver(tmp_path / "homeserver")
        await server.start(told.append)
        url = server.url
        account = await server.create_account("salma")
        await server.stop()
        assert not server.alive
        async with ManagedHomeserver(tmp_path / "homeserver") as again:
            assert again.url == url
            await again.login(account.user, account.password)
        assert told[0] == "starting the homeserver for the first time"
        assert told[-1].endswith(url)

    async def test_nothing_it_keeps_can_be_read_by_others(self, tmp_path):
        async with ManagedHomeserver(tmp_path / "homeserver") as server:
            await server.create_account("salma")
            for path in [server.layout.folder, *server.layout.folder.rglob("*")]:
                wanted = 0o700 if path.is_dir() else 0o600
                assert stat.S_IMODE(path.stat().st_mode) == wanted, path

    async def test_no_secret_is_on_a_command_line_or_in_the_log(self, tmp_path):
        async with ManagedHomeserver(tmp_path / "homeserver") as server:
            account = await server.create_account("salma")
            token, _ = await server.login(account.user, account.password)
            secrets = [path.read_text().strip() for path in load_keys(server.layout).folder.iterdir()]
            proc = Path("/proc", str(server.pid))
            places = (proc / "cmdline", proc / "environ", server.layout.log, server.layout.config)
            shown = "".join(path.read_text() for path in places)
            assert not [secret for secret in (*secrets, account.password, token) if secret in shown]

    async def test_it_is_started_again_after_kill_9_and_has_lost_nothing(self, tmp_path):
        restarted = asyncio.Event()

        def progress(text: str) -> None:
            if "answers" in text:
                restarted.set()

        async with ManagedHomeserver(tmp_path / "homeserver") as server:
            account, url = await server.create_account("salma"), server.url
            async with asyncio.TaskGroup() as group:
                supervisor = group.create_task(server.supervise(progress))
                os.kill(server.pid, signal.SIGKILL)
                await restarted.wait()
                await server.login(account.user, account.password)
                assert server.url == url
                supervisor.cancel()

    async def test_a_polite_end_from_outside_ends_the_supervision_too(self, tmp_path):
        async with ManagedHomeserver(tmp_path / "homeserver") as server:
            async with asyncio.TaskGroup() as group:
                group.create_task(server.supervise())
                assert await process.end_stranger(server.layout, 10)
            assert not server.alive

    async def test_it_ends_with_a_killed_manager_and_the_next_start_has_its_data(self, tmp_path):
        manager, pid, user, password = await asyncio.to_thread(started_manager, tmp_path)
        kill(manager)
        assert await process.until(lambda: holder(Layout(tmp_path).pid) is None, 20)
        async with ManagedHomeserver(tmp_path) as server:
            assert server.pid != pid
            await server.login(user, password)

    async def test_one_that_hangs_after_its_manager_was_killed_is_stopped_by_the_next_start(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(managed, "STOP_LIMIT", 0.2)
        manager, pid, user, password = await asyncio.to_thread(started_manager, tmp_path)
        os.kill(pid, signal.SIGSTOP)
        kill(manager)
        told: list[str] = []
        server = ManagedHomeserver(tmp_path)
        await server.start(told.append)
        assert told[0] == "stopping a homeserver that an earlier run left behind"
        await server.login(user, password)
        await server.stop()

    async def test_a_second_manager_is_refused_and_one_that_may_attach_uses_the_first_one_s(self, tmp_path):
        async with ManagedHomeserver(tmp_path) as first:
            with pytest.raises(ProfileBusyError, match=str(os.getpid())):
                await ManagedHomeserver(tmp_path).start()
            async with ManagedHomeserver(tmp_path, attach=True) as second:
                assert second.borrowed
                assert second.url == first.url
                assert second.pid == first.pid
                await second.create_account("salma")
            assert first.alive

    async def test_a_detached_one_outlives_its_manager_and_is_used_by_the_next(self, tmp_path):
        first = ManagedHomeserver(tmp_path)
        await first.start(detach=True)
        await first.stop()
        second = ManagedHomeserver(tmp_path)
        await second.start()
        assert (second.borrowed, second.url) == (True, first.url)
        assert holder(second.layout.manager) is None
        await second.stop()
        assert await process.end_stranger(second.layout, 10)

    async def test_a_detached_one_that_never_answers_is_not_left_behind(self, tmp_path, monkeypatch):
        monkeypatch.setattr(managed, "START_LIMIT", -1.0)
        with pytest.raises(HomeserverError, match="did not answer"):
            await ManagedHomeserver(tmp_path).start(detach=True)
        assert holder(Layout(tmp_path).pid) is None

    async def test_a_damaged_database_is_named(self, tmp_path):
        Layout(tmp_path).database.write_bytes(b"garbage" * 1000)
        with pytest.raises(HomeserverError, match="file is not a database"):
            await ManagedHomeserver(tmp_path).start()
        assert holder(Layout(tmp_path).manager) is None


async def test_a_configured_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HomeserverError, match=f"port {port} is in use") as raised:
            await ManagedHomeserver(tmp_path, port=port).start()
    assert raised.value.hint


async def test_too_little_space_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(managed, "SPACE_NEEDED", 1 << 62)
    with pytest.raises(HomeserverError, match="no space left"):
        await ManagedHomeserver(tmp_path).start()
    assert not Layout(tmp_path).keys.exists()


async def test_data_of_another_server_name_are_not_touched(tmp_path):
    Layout(tmp_path).state.write_text('{"server_name":"old.local","port":1}')
    with pytest.raises(HomeserverError, match=r"belong to old\.local"):
        await ManagedHomeserver(tmp_path, server_name="new.local").start()
    assert not Layout(tmp_path).config.exists()


async def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeserverError, match="can't be used"):
        await ManagedHomeserver(tmp_path / "file").start()


async def test_a_failed_start_frees_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(managed, "SPACE_NEEDED", 1 << 62)
    with pytest.raises(HomeserverError):
        await ManagedHomeserver(tmp_path).start()
    lock = PidLock(Layout(tmp_path).manager)
    assert lock.acquire()
    lock.release()

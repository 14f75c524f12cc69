"""What a daemon and systemd tell each other, on a socket of our own."""

import asyncio
import os
import signal
import socket

import pytest

from fallback.relay.service import notify, on_signals, reloading, until, watchdog, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """The socket of a service manager."""
    name = str(tmp_path / "n") if request.param == "path" else f"@fallback-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(name.replace("@", "\0"))
        there.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield there


def heard(manager):
    return manager.recv(4096).decode().split("\n")


def test_it_is_told_what_is_said(manager):
    notify("READY=1", "STATUS=mirroring 2 groups")
    assert heard(manager) == ["READY=1", "STATUS=mirroring 2 groups"]


def test_a_manager_that_does_not_listen_stops_nothing(manager):
    for _ in range(1000):
        notify("WATCHDOG=1")
    assert heard(manager) == ["WATCHDOG=1"]


def test_a_reload_carries_the_moment(manager):
    reloading()
    first, second = heard(manager)
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(monkeypatch, name):
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify("READY=1")


@pytest.mark.parametrize(
    ("wanted", "pid", "interval"),
    [("30000000", None, 15.0), ("", None, 0.0), ("x", None, 0.0), ("30000000", "1", 0.0)],
)
def test_the_watchdog_is_fed_twice_in_its_time(monkeypatch, wanted, pid, interval):
    monkeypatch.setenv("WATCHDOG_USEC", wanted)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_interval() == interval


async def test_a_sign_of_life_comes_only_after_the_work_has_answered(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "2000")
    stuck = asyncio.Event()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watchdog(stuck.wait))
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        stuck.set()
        await asyncio.get_running_loop().sock_recv(manager, 100)
        task.cancel()


async def test_a_signal_ends_the_work_and_the_manager_is_told_first(manager):
    ended = []

    async def work():
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(heard(manager))

    with on_signals((signal.SIGTERM,)) as stop:
        await until(stop, work())
    assert ended == [["STOPPING=1"]]


async def test_an_error_of_the_work_is_not_swallowed():
    async def work():
        raise KeyError("x")

    with pytest.raises(ExceptionGroup) as caught:
        await until(asyncio.Event(), work())
    assert caught.group_contains(KeyError)

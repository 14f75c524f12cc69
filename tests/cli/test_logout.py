"""``fallback logout``, and a login that is stopped or meets another one."""

import asyncio
import os
import signal
import subprocess
import sys

import msgspec

from fallback import compose
from fallback.compose.accounts import ACCOUNT, FORMER, Account
from fallback.errors import ProfileBusyError
from fallback.paths import Profile
from fallback.simulator.identity import OAuthHomeserver
from tests.cli.test_login import USER, fallback, running, stored


def put(known):
    async def write():
        async with compose.open_store(Profile("default")) as store:
            await store.put(ACCOUNT, msgspec.json.encode(known).decode())

    asyncio.run(write())


def get(key):
    async def read():
        async with compose.open_store(Profile("default")) as store:
            return await store.get(key)

    return asyncio.run(read())


def test_without_a_connection_nothing_is_forgotten():
    put(Account("http://127.0.0.1:1", USER, "DEVICE", "secret-token"))
    result = fallback("logout", "--yes")
    assert "does not answer" in str(result.exception)
    assert "secret-token" not in result.output
    assert stored().device == "DEVICE"


def test_a_sign_in_that_the_homeserver_has_ended_is_forgotten_and_said_so():
    with running(OAuthHomeserver(USER)) as server:
        put(Account(server.url, USER, "DEVICE", "old", "old", "unknown-client"))
        result = fallback("logout", "--yes")
        assert result.exit_code == 0, result.output
        assert "had ended this sign-in" in result.stderr
    assert get(ACCOUNT) is None
    assert get(FORMER) == USER


def login(url):
    """Start a login in a process of its own, and wait until it shows its code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fallback", "login", USER, "--device-code", "--homeserver", url],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if "DISPLAY" not in name},
    )
    while "this code" not in process.stderr.readline():
        assert process.poll() is None
    return process


def test_a_second_login_is_refused_by_name_and_ctrl_c_ends_the_first_with_nothing_stored():
    with running(OAuthHomeserver(USER, *["authorization_pending"] * 1000)) as server:
        first = login(server.url)
        second = fallback("login", USER, "--device-code", "--homeserver", server.url)
        assert isinstance(second.exception, ProfileBusyError)
        assert str(first.pid) in str(second.exception)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=30)
        assert first.returncode == 130
        assert "Traceback" not in said
        assert not server.devices
    assert get(ACCOUNT) is None

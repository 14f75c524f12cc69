"""A real Synapse for tests, one for the whole session.

``tests/conftest.py`` offers it to all of them.  A test module that uses ``live`` has
``pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]``, so that all of them share one server.
Tests that kill their homeserver make their own ``ManagedHomeserver(tmp_path)``.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from fallback.homeserver import Account, ManagedHomeserver
from fallback.matrix.client import NioHomeserver
from fallback.matrix.crypto.client import SafeClient
from fallback.store.memory import MemoryStore

T = TypeVar("T")
_count = itertools.count(1)


def run(coroutine: Coroutine[None, None, T]) -> T:
    """Run a coroutine outside of the test's own loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def side_at(url: str, user: str, device: str, token: str, *, folder: Path) -> NioHomeserver:
    """Give the Matrix side of a signed-in account, its small facts in memory."""
    return NioHomeserver(SafeClient(url, user, device, token, folder=folder, key=bytes(32)), MemoryStore())


class Live:
    """The session's homeserver, with fresh accounts."""

    def __init__(self, server: ManagedHomeserver) -> None:
        self.server = server
        self.url = server.url
        self.server_name = server.server_name
        self.as_token = server.as_token
        self._owner: tuple[str, str, str] | None = None

    async def account(self, name: str = "person", *, display_name: str = "") -> Account:
        """Make an account that no other test has."""
        return await self.server.create_account(f"{name}{next(_count)}", display_name=display_name)

    async def signed_in(self, name: str = "person", *, display_name: str = "") -> tuple[str, str, str]:
        """Make an account and sign in: user id, access token, device id."""
        account = await self.account(name, display_name=display_name)
        token, device = await self.server.login(account.user, account.password)
        return account.user, token, device

    async def owner(self) -> tuple[str, str, str]:
        """Give one signed-in account for all tests that don't care whose it is (hashing a password takes long)."""
        if self._owner is None:
            self._owner = await self.signed_in("owner")
        return self._owner

    async def side(self, folder: Path, name: str = "person", *, display_name: str = "") -> NioHomeserver:
        """Give the Matrix side of a new account, with its keys in ``folder``."""
        user, token, device = await self.signed_in(name, display_name=display_name)
        return side_at(self.url, user, device, token, folder=folder / user.partition(":")[0])

    def ghost(self, name: str = "ghost") -> str:
        """Give a ghost's user id that no other test has; it is not registered yet."""
        return f"@wa_{name}{next(_count)}:{self.server_name}"


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A homeserver that runs as long as the session does."""
    server = ManagedHomeserver(tmp_path_factory.mktemp("synapse") / "homeserver")
    run(server.start())
    yield Live(server)
    run(server.stop())

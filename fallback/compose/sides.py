"""The Matrix side of a profile: its account, the managed homeserver, the ghosts."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from fallback.compose.accounts import ACCOUNT, Account, sign_in
from fallback.compose.profiles import settings
from fallback.config import Config
from fallback.core.ids import UserId
from fallback.core.ports import Store
from fallback.paths import Profile

if TYPE_CHECKING:
    from fallback.homeserver.managed import ManagedHomeserver
    from fallback.matrix.client import NioHomeserver


def managed(profile: Profile, config: Config) -> "ManagedHomeserver":
    """Give the profile's managed homeserver; it is not started yet."""
    from fallback.homeserver.managed import ManagedHomeserver

    return ManagedHomeserver(
        profile.homeserver,
        server_name=config.homeserver.server_name,
        port=config.homeserver.port,
        attach=True,
    )


def matrix(known: Account, *, as_token: str = "") -> "NioHomeserver":
    """Open the Matrix side of an account; with the appservice's token, its ghosts too."""
    from fallback.matrix.appservice import Appservice
    from fallback.matrix.client import NioHomeserver

    side = NioHomeserver(known.url, known.user, known.device, known.token)
    if as_token:
        side.appservice = Appservice(side.http, as_token, known.user.partition(":")[2])
    return side


@contextlib.asynccontextmanager
async def hosted(profile: Profile, store: Store) -> "AsyncIterator[tuple[ManagedHomeserver, NioHomeserver]]":
    """Run the profile's managed homeserver with the relay's own account signed in, and its ghosts at hand.

    Raises:
        HomeserverError: it can't be started.
    """
    async with managed(profile, settings(profile)) as server:
        side = matrix(await _signed_in(server, store, "fallback", "fallback"), as_token=server.as_token)
        try:
            yield server, side
        finally:
            await side.close()


async def _signed_in(server: "ManagedHomeserver", store: Store, localpart: str, name: str) -> Account:
    """Sign in to the managed homeserver, making the account where there is none."""
    user = UserId(f"@{localpart}:{server.server_name}")
    kept = await store.get(ACCOUNT)
    if kept is not None and msgspec.json.decode(kept, type=Account).user == user:
        return await sign_in(store, server.url, user, "")
    made = await server.create_account(localpart, display_name=name)
    return await sign_in(store, server.url, user, made.password)


@contextlib.asynccontextmanager
async def member(
    server: "ManagedHomeserver", store: Store, localpart: str, name: str
) -> "AsyncIterator[NioHomeserver]":
    """Sign a person's client in to the managed homeserver."""
    side = matrix(await _signed_in(server, store, localpart, name))
    try:
        yield side
    finally:
        await side.close()

"""The Matrix side of a profile: its account, the managed homeserver, the ghosts."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from fallback.compose.accounts import ACCOUNT, Account, account, renewal, sign_in
from fallback.compose.profiles import open_profile, settings
from fallback.config import Config
from fallback.core.ids import UserId
from fallback.core.ports import Store
from fallback.core.trust import IdentityState
from fallback.paths import Profile

if TYPE_CHECKING:
    from fallback.homeserver.managed import ManagedHomeserver
    from fallback.matrix.client import NioHomeserver
    from fallback.store.vault import Vault


def managed(profile: Profile, config: Config) -> "ManagedHomeserver":
    """Give the profile's managed homeserver; it is not started yet."""
    from fallback.homeserver.managed import ManagedHomeserver

    return ManagedHomeserver(
        profile.homeserver,
        server_name=config.homeserver.server_name,
        port=config.homeserver.port,
        attach=True,
    )


def load_matrix() -> None:
    """Import what ``matrix`` needs, which takes half a second: for a thread beside what is shown already."""
    import fallback.matrix.client  # noqa: F401 - loaded for later


def matrix(
    profile: Profile, known: Account, store: Store, vault: "Vault", *, as_token: str = ""
) -> "NioHomeserver":
    """Open the Matrix side of an account with its keys; with the appservice's token, its ghosts too.

    Raises:
        ProfileBusyError: another process has the keys open.
    """
    from fallback.matrix.appservice import Appservice
    from fallback.matrix.client import NioHomeserver
    from fallback.matrix.crypto.client import SafeClient

    client = SafeClient(
        known.url,
        known.user,
        known.device,
        known.token,
        folder=profile.data,
        key=vault.subkey("nio"),
        renew=renewal(store),
    )
    side = NioHomeserver(client, store)
    if as_token:
        side.appservice = Appservice(side.http, as_token, known.user.partition(":")[2])
    return side


async def forget_keys(profile: Profile, store: Store) -> None:
    """Delete the keys of a device that is signed out; what they opened stays in the store."""
    from fallback.matrix.keys import KEPT

    await store.put(KEPT, None)
    for file in profile.data.glob("crypto.db*"):
        file.unlink()


@contextlib.asynccontextmanager
async def signed_in(profile: Profile) -> "AsyncIterator[tuple[Store, NioHomeserver]]":
    """Open a profile with its own account's Matrix side.

    Raises:
        AuthError: it has no account yet.
    """
    async with open_profile(profile) as (store, vault):
        side = matrix(profile, await account(store), store, vault)
        try:
            yield store, side
        finally:
            await side.close()


@contextlib.asynccontextmanager
async def reading(profile: Profile) -> "AsyncIterator[tuple[Store, NioHomeserver]]":
    """Open a profile with its own account's Matrix side, its managed homeserver running where it has one.

    Raises:
        AuthError: it has no account yet.
        HomeserverError: its homeserver can't be started.
    """
    from fallback.homeserver.layout import Layout, load_state

    if load_state(Layout(profile.homeserver)) is None:
        async with signed_in(profile) as opened:
            yield opened
        return
    async with (
        open_profile(profile) as (store, vault),
        hosted(profile, store, vault) as (_, side),
    ):
        yield store, side


@contextlib.asynccontextmanager
async def hosted(
    profile: Profile, store: Store, vault: "Vault"
) -> "AsyncIterator[tuple[ManagedHomeserver, NioHomeserver]]":
    """Run the profile's managed homeserver with the relay's own account signed in, and its ghosts at hand.

    Raises:
        HomeserverError: it can't be started.
    """
    async with managed(profile, settings(profile)) as server:
        known = await _signed_in(server, store, "fallback", "fallback")
        side = matrix(profile, known, store, vault, as_token=server.as_token)
        try:
            await _secure(side)
            yield server, side
        finally:
            await side.close()


@contextlib.asynccontextmanager
async def member(
    server: "ManagedHomeserver", profile: Profile, store: Store, vault: "Vault", *, localpart: str, name: str
) -> "AsyncIterator[NioHomeserver]":
    """Sign a person's client in to the managed homeserver."""
    side = matrix(profile, await _signed_in(server, store, localpart, name), store, vault)
    try:
        await _secure(side)
        yield side
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


async def _secure(side: "NioHomeserver") -> None:
    """Give an account of our own homeserver its identity; its secrets are in the profile, which ``vault backup`` saves."""
    if (await side.keys.state()).identity is IdentityState.NONE:
        await side.keys.begin()

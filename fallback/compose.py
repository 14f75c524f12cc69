"""The composition root: the only module that knows the concrete classes.

Everything heavy is imported where it is used, so that a command pays for what it needs.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from fallback.config import Config, load
from fallback.core.events import Canonical
from fallback.core.ids import UserId
from fallback.core.ports import Store
from fallback.errors import AuthError
from fallback.paths import Profile

if TYPE_CHECKING:
    from fallback.core.migration import Plan
    from fallback.homeserver.managed import ManagedHomeserver
    from fallback.matrix.client import NioHomeserver
    from fallback.networks.whatsapp.export import Export
    from fallback.store.vault import Vault

ACCOUNT = "account"


class Account(msgspec.Struct, frozen=True):
    """A signed-in account, as the profile's store keeps it.

    Args:
        token: the access token; never leaves the store but in a request's header.
    """

    url: str
    user: UserId
    device: str
    token: str


def settings(profile: Profile) -> Config:
    """Read the profile's configuration."""
    return load(profile.config_file).config


@contextlib.asynccontextmanager
async def open_store(profile: Profile) -> AsyncIterator[Store]:
    """Open the profile's store and hold its lock; asks for the passphrase where nothing else opens the vault.

    Raises:
        ProfileBusyError: another process owns the profile.
        AuthError: the vault does not open.
        StoreError: it can't be read.
    """
    async with open_profile(profile) as (store, _):
        yield store


@contextlib.asynccontextmanager
async def open_profile(profile: Profile) -> "AsyncIterator[tuple[Store, Vault]]":
    """Open the profile's store as ``open_store`` does, and give its vault for the other keys."""
    from fallback.store.sqlite import SqliteStore

    vault = unlock(profile)
    store = await SqliteStore.open(profile.store_file, vault.subkey("db"), name=profile.name)
    try:
        yield store, vault
    finally:
        await store.close()


def unlock(profile: Profile, *, shared: bool = False) -> "Vault":
    """Open the profile's vault, which is made where there is none.

    Args:
        shared: while another process owns the profile; only for reading.

    Raises:
        ProfileBusyError: another process owns the profile; then nobody is asked anything.
        AuthError: it does not open.
    """
    from fallback.store import asking, vault

    file = vault.load(profile.data) if shared else None
    if file is not None:
        return vault.unlock(profile.data, file, asking.attempts(_question(profile)))
    with unlocked(profile) as opened:
        return opened


@contextlib.contextmanager
def unlocked(profile: Profile) -> "Iterator[Vault]":
    """Open the profile's vault and keep the lock, for changes to it."""
    from fallback.store import asking, vault
    from fallback.store.lock import ProfileLock

    with ProfileLock(profile.lock_file, profile.name):
        yield vault.open_or_make(profile.store_file, asking.attempts(_question(profile)))


def _question(profile: Profile) -> str:
    return f"Passphrase of profile {profile.name}: "


def managed(profile: Profile, config: Config) -> "ManagedHomeserver":
    """Give the profile's managed homeserver; it is not started yet."""
    from fallback.homeserver.managed import ManagedHomeserver

    return ManagedHomeserver(
        profile.homeserver,
        server_name=config.homeserver.server_name,
        port=config.homeserver.port,
        attach=True,
    )


def planned(export: "Export", events: Iterable[Canonical], server_name: str) -> "Plan":
    """Plan an export's migration, with a warning for all that it does not tell plainly."""
    from fallback.core.migration import plan

    warnings = [f"{one.what}: {one.text[:60]!r}" for one in export.problems[:10]]
    if len(export.problems) > len(warnings):
        warnings.append(
            f"{len(export.problems) - len(warnings)} more lines were not understood: fallback inspect"
        )
    if export.order.open:
        warnings.append(f"the dates may be read in two ways; taken as {export.date_order} (--date-order)")
    return plan(
        export.group, events, server_name=server_name, missing=len(export.totals.missing), warnings=warnings
    )


async def account(store: Store) -> Account:
    """Give the account that this profile is signed in with.

    Raises:
        AuthError: it is not signed in.
    """
    kept = await store.get(ACCOUNT)
    if kept is None:
        raise AuthError(
            "this profile has no Matrix account yet", "See all of it at work with `fallback demo`."
        )
    return msgspec.json.decode(kept, type=Account)


async def sign_in(store: Store, url: str, user: UserId, password: str) -> Account:
    """Sign in with a device of our own.

    Args:
        password: empty for an account that the profile is signed in with already; only its address is renewed.

    Raises:
        AuthError: refused, or the profile has another account.
    """
    from fallback.matrix.login import log_in

    kept = await store.get(ACCOUNT)
    if kept is not None:
        known = msgspec.json.decode(kept, type=Account)
        if known.user != user:
            raise AuthError(f"this profile is signed in as {known.user}", "Use another one: --profile NAME")
        if not password:
            present = msgspec.structs.replace(known, url=url)
            await store.put(ACCOUNT, msgspec.json.encode(present).decode())
            return present
    device = known.device if kept is not None else "FALLBACK" + secrets.token_hex(8).upper()
    token = await log_in(url, user, password, device)
    fresh = Account(url, user, device, token)
    await store.put(ACCOUNT, msgspec.json.encode(fresh).decode())
    return fresh


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

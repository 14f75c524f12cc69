"""Open a profile: its configuration, its vault, its store."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from fallback.config import Config, load
from fallback.core.ports import Store
from fallback.paths import Profile

if TYPE_CHECKING:
    from fallback.store.vault import Vault


def settings(profile: Profile) -> Config:
    """Read the profile's configuration."""
    return load(profile.config_file).config


@contextlib.asynccontextmanager
async def open_store(profile: Profile, *, shared: bool = False) -> AsyncIterator[Store]:
    """Open the profile's store and hold its lock; asks for the passphrase where nothing else opens the vault.

    Args:
        shared: beside the process that owns the profile: to read, and to leave facts and events for it.

    Raises:
        ProfileBusyError: another process owns the profile.
        AuthError: the vault does not open.
        StoreError: it can't be read.
    """
    async with open_profile(profile, shared=shared) as (store, _):
        yield store


@contextlib.asynccontextmanager
async def open_profile(profile: Profile, *, shared: bool = False) -> "AsyncIterator[tuple[Store, Vault]]":
    """Open the profile's store as ``open_store`` does, and give its vault for the other keys.

    With ``store.url`` the file keeps what is this machine's alone, and the database all else.
    """
    from fallback.store.sqlite import SqliteStore

    url = settings(profile).store.url
    vault = unlock(profile, shared=shared)
    async with contextlib.AsyncExitStack() as opened:
        key = vault.subkey("db")
        store: Store = await SqliteStore.open(profile.store_file, key, name=profile.name, shared=shared)
        opened.push_async_callback(store.close)
        if url:
            from fallback.store.postgres import PostgresStore

            store = await PostgresStore.open(url, local=store)
            opened.push_async_callback(store.close)
        yield store, vault


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

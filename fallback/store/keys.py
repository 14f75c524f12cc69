"""The store's key: 32 random bytes in a file for its owner alone, until a vault holds it."""

import logging
import os
import secrets
from pathlib import Path

from fallback.errors import StoreError
from fallback.paths import private_file

log = logging.getLogger(__name__)
LENGTH = 32


def key_file(store: Path) -> Path:
    """Tell where the key of a store lies: beside it."""
    return store.with_suffix(".key")


def load_or_make(store: Path) -> bytes:
    """Read the key of a store; a store that is not there yet gets a new one.

    Call it with the profile's lock held.

    Raises:
        StoreError: the store is there and its key is not, or the file holds no key.
    """
    file = key_file(store)
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return _make(store, file)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"the key {file} can't be read", "Look at the file's owner and permissions."
        ) from error
    if file.stat().st_mode & 0o077:
        log.warning("%s was readable for others; it is now for its owner alone", file)
        file.chmod(0o600)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != LENGTH:
        raise StoreError(f"{file} holds no key", "Put the key's backup in its place.")
    return key


def _make(store: Path, file: Path) -> bytes:
    if store.exists() and store.stat().st_size:
        raise StoreError(
            f"the key of {store} is missing",
            f"Put its backup back as {file}; without it nobody can read the store.",
        )
    key = secrets.token_bytes(LENGTH)
    private_file(file, key.hex().encode())
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key

"""Files that hold 32 random bytes: the vault's key file, and the key of a store that has no vault."""

import logging
import os
import secrets
from pathlib import Path

from fallback.errors import StoreError
from fallback.paths import private_file

log = logging.getLogger(__name__)
LENGTH = 32


def key_file(store: Path) -> Path:
    """Tell where the key of a store without a vault lies: beside it."""
    return store.with_suffix(".key")


def load_or_make(store: Path) -> bytes:
    """Read the key of a store without a vault; a store that is not there yet gets a new one.

    Call it with the profile's lock held.

    Raises:
        StoreError: the store is there and its key is not, or the file holds no key.
    """
    file = key_file(store)
    key = read(file)
    if key is not None:
        return key
    if store.exists() and store.stat().st_size:
        raise StoreError(
            f"the key of {store} is missing",
            f"Put its backup back as {file}; without it nobody can read the store.",
        )
    return make(file)


def read(file: Path) -> bytes | None:
    """Read a key file; nothing where there is none.

    Raises:
        StoreError: it can't be read or holds no key.
    """
    try:
        text = file.read_text("ascii")
        mode = file.stat().st_mode
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"the key {file} can't be read", "Look at the file's owner and permissions."
        ) from error
    if mode & 0o077:
        log.warning("%s was readable for others; it is now for its owner alone", file)
        file.chmod(0o600)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != LENGTH:
        raise StoreError(f"{file} holds no key", "Put the key's backup in its place.")
    return key


def make(file: Path) -> bytes:
    """Write a new random key file for its owner alone; after this it survives a crash."""
    key = secrets.token_bytes(LENGTH)
    durable(file, key.hex().encode())
    return key


def durable(file: Path, data: bytes) -> None:
    """Write a private file, whole or not at all, and its name in the folder too."""
    private_file(file, data)
    sync_folder(file.parent)


def remove(file: Path) -> None:
    """Delete a file for good as far as the file system tells; one that is not there is fine."""
    file.unlink(missing_ok=True)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

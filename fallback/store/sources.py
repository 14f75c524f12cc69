"""Where the secrets of slots without a passphrase are: a key file, a systemd credential, the OS keyring."""

import importlib
import os
import secrets
from pathlib import Path
from typing import Any

from fallback.errors import AuthError, UsageError
from fallback.store import keys
from fallback.store.slots import Kind, Slot

KEY_FILE = "vault.key"
"""The profile's own key file; it lies beside ``vault.json``."""
CREDENTIAL = "fallback-key"
DIRECTORY = "CREDENTIALS_DIRECTORY"
_SERVICE = "fallback"
_ENOUGH = 32


def existing(slot: Slot, folder: Path) -> bytes:
    """Get the secret of a slot.

    Raises:
        AuthError: it is not there, or can't be read.
        StoreError: its file holds no key.
    """
    match slot.kind:
        case "file":
            key = keys.read(folder / slot.source)
            if key is None:
                raise AuthError(f"the key file {folder / slot.source} is missing")
            return key
        case "credential":
            return _credential(slot.source)
        case "keyring":
            return _from_keyring(slot.source)
        case "passphrase":
            raise UsageError("a passphrase is asked for, not found")


def new_secret(kind: Kind, folder: Path, vault: str, source: str) -> tuple[str, bytes]:
    """Make or find the secret of a slot to be, and say where it is.

    Args:
        vault: the vault's id, which names its entry in the keyring.
        source: for a key file its path, for a credential a file with what systemd will hand over.

    Raises:
        AuthError: it can't be had here.
    """
    match kind:
        case "file":
            place = str(Path(source).expanduser().absolute()) if source else KEY_FILE
            return place, keys.read(folder / place) or keys.make(folder / place)
        case "credential":
            return CREDENTIAL, _long_enough(Path(source)) if source else _credential(CREDENTIAL)
        case "keyring":
            return vault, _into_keyring(vault)
        case "passphrase":
            raise UsageError("a passphrase is asked for, not found")


def _credential(name: str) -> bytes:
    folder = os.environ.get(DIRECTORY)
    if not folder:
        raise AuthError(
            f"systemd has handed over no credential {name}",
            f"Start it with LoadCredentialEncrypted={name}, or name the file: slots add credential --file",
        )
    return _long_enough(Path(folder) / Path(name).name)


def _long_enough(file: Path) -> bytes:
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise AuthError(
            f"the credential {file} can't be read", "Look at its owner and permissions."
        ) from error
    if len(secret) < _ENOUGH:
        raise AuthError(
            f"the credential {file} is too short", f"It needs {_ENOUGH} random bytes: head -c 32 /dev/urandom"
        )
    return secret


def _keyring() -> Any:
    try:
        return importlib.import_module("keyring")
    except ImportError as error:
        raise AuthError(
            "the package keyring is not installed", "Install it: pip install 'fallback[keyring]'"
        ) from error


def _from_keyring(name: str) -> bytes:
    module = _keyring()
    try:
        kept = module.get_password(_SERVICE, name)
        return bytes.fromhex(kept) if kept else _nothing(name)
    except (module.errors.KeyringError, ValueError) as error:
        raise AuthError(f"the keyring gives no key for {name}", "Unlock the keyring.") from error


def _nothing(name: str) -> bytes:
    raise AuthError(f"the keyring has no entry fallback/{name}", "Unlock it, or use another slot.")


def _into_keyring(name: str) -> bytes:
    module = _keyring()
    try:
        kept = module.get_password(_SERVICE, name)
        if kept:
            return bytes.fromhex(kept)
        secret = secrets.token_bytes(keys.LENGTH)
        module.set_password(_SERVICE, name, secret.hex())
    except (module.errors.KeyringError, ValueError) as error:
        raise AuthError("the keyring can't be used", "Unlock it, or use another slot.") from error
    return secret

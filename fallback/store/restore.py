"""A profile from a backup: made beside its place, proved, and put there in one step."""

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import msgspec

from fallback.errors import StoreError, UsageError
from fallback.paths import private_folder
from fallback.store import keys, vault
from fallback.store.backup import CONFIG, DATA, MANIFEST, Content, Manifest, members
from fallback.store.database import DatabaseError, raw
from fallback.store.lock import ProfileLock
from fallback.store.sources import KEY_FILE
from fallback.store.vault import Vault

_STEP = 1 << 20


def look(source: BinaryIO, key: bytes, start: bytes, name: str) -> Content:
    """Read a backup to its end and say what it holds; nothing is written.

    Raises:
        StoreError: it is damaged or cut off.
    """
    manifest: Manifest | None = None
    files = size = 0
    with members(source, key, start, name) as found:
        for member, content in found:
            if member == MANIFEST:
                manifest = _manifest(content.read(), name)
                continue
            files += 1
            while step := content.read(_STEP):
                size += len(step)
    if manifest is None:
        raise StoreError(f"{name} does not say what it is of", "Use another backup.")
    return Content(manifest.profile, manifest.program, manifest.created, files, size)


def refuse_unless_empty(data: Path) -> None:
    """Refuse a profile that has anything in it.

    Raises:
        UsageError: it has.
    """
    for path in data.rglob("*"):
        if not path.is_dir() and path.suffix not in (".lock", ".log"):
            raise UsageError(
                f"the profile in {data} is not empty",
                "Restore into another one: fallback --profile NAME vault restore",
            )


def restore(
    source: BinaryIO, key: bytes, start: bytes, name: str, *, data: Path, config: Path, lock: ProfileLock
) -> Vault:
    """Make a profile from a backup, whole or not at all.

    Args:
        data: the profile's data folder, with nothing in it.
        config: its ``fallback.toml``; one that is there stays.
        lock: of the profile; freed when the profile is in its place.

    Raises:
        StoreError: the backup is damaged or does not fit together; the profile is as empty as before.
        UsageError: the profile is not empty.
    """
    refuse_unless_empty(data)
    staging = data.with_name(f".{data.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    private_folder(staging)
    try:
        manifest, settings = _unpack(source, key, start, name, staging)
        opened = _vault(staging, manifest, name)
        _prove(staging, opened, name)
        if settings is not None and not config.exists():
            keys.durable(config, settings)
        _put_in_place(staging, data, lock)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    opened.folder = data
    return opened


def _unpack(
    source: BinaryIO, key: bytes, start: bytes, name: str, staging: Path
) -> tuple[Manifest, bytes | None]:
    manifest: Manifest | None = None
    settings: bytes | None = None
    with members(source, key, start, name) as found:
        for member, content in found:
            if member == MANIFEST:
                manifest = _manifest(content.read(), name)
            elif member == CONFIG:
                settings = content.read()
            else:
                _write(staging / member.removeprefix(f"{DATA}/"), content)
    if manifest is None:
        raise StoreError(f"{name} does not say what it is of", "Use another backup.")
    return manifest, settings


def _write(path: Path, content: BinaryIO) -> None:
    private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, _STEP)
        file.flush()
        os.fsync(file.fileno())


def _vault(staging: Path, manifest: Manifest, name: str) -> Vault:
    """Give the profile its vault back; a key file is made anew, because a backup holds none."""
    file = vault.load(staging)
    if file is None:
        raise StoreError(f"{name} holds no vault", "Use another backup.")
    kept = [slot for slot in file.slots if slot.kind != "file"]
    own = any(slot.source == KEY_FILE for slot in file.of("file"))
    opened = Vault(staging, msgspec.structs.replace(file, slots=tuple(kept)), bytes.fromhex(manifest.root))
    if own or not file.of("passphrase"):
        opened.add("file")
    else:
        opened.write()
    return opened


def _prove(staging: Path, opened: Vault, name: str) -> None:
    """Open the restored store and read each of its pages."""
    store = staging / "store.db"
    if not store.exists():
        return
    try:
        with closing(raw(store, opened.subkey("db"))) as database:
            wrong = database.execute("PRAGMA cipher_integrity_check").fetchall()
            fine = database.execute("PRAGMA quick_check").fetchone()
    except DatabaseError as error:
        raise StoreError(f"the store in {name} does not open", "Use another backup.") from error
    if wrong or fine != ("ok",):
        raise StoreError(f"the store in {name} is damaged", "Use another backup.")


def _put_in_place(staging: Path, data: Path, lock: ProfileLock) -> None:
    """Put the finished folder where the empty one is; the last step is one rename."""
    for log in data.rglob("*.log"):
        target = staging / log.relative_to(data)
        private_folder(target.parent)
        log.replace(target)
    for path in data.rglob("*.lock"):
        path.unlink()
    for folder in sorted((path for path in data.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()
    keys.sync_folder(staging)
    staging.rename(data)
    keys.sync_folder(data.parent)
    lock.release()


def _manifest(data: bytes, name: str) -> Manifest:
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{name} does not say what it is of", "Use another backup.") from error

"""A profile as one encrypted file: store, vault, configuration and the managed homeserver."""

import contextlib
import io
import os
import secrets
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from fallback.errors import AuthError, StoreError, UsageError
from fallback.store import keys, vault
from fallback.store.database import Connection, DatabaseError, raw, translate
from fallback.store.slots import Cost, Hex, check_passphrase, derive, wrap
from fallback.store.stream import Opener, Sealer
from fallback.store.vault import Purpose, Vault, VaultFile

MAGIC = b"fallback backup\n"
FORMAT, VERSION = "fallback-backup", 1
MANIFEST, DATA, CONFIG = "manifest.json", "data", "config/fallback.toml"
DRAFT = ".backup-copy"
_LIMIT = 1 << 20
_WAIT = 30.0
_LEFT_OUT = (".lock", ".log", ".pid", ".new", "-wal", "-shm", "-journal", ".sock", DRAFT)
_SECRETS = ("vault.key", "store.key")
_PLAIN = b"SQLite format 3\0"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in clear before the chunks.

    Args:
        vault: whose slots open the backup.
        salt: 32 bytes, hex; makes the stream's key its own.
    """

    format: str
    version: int
    vault: VaultFile
    salt: Hex


class Manifest(msgspec.Struct, frozen=True):
    """What the backup is of; the first thing inside.

    Args:
        created: milliseconds since 1970.
        root: the vault's root key, hex: the backup opens on a machine that has no key file.
    """

    profile: str
    program: str
    created: int
    root: Hex


class Content(msgspec.Struct, frozen=True):
    """What a backup holds, read to its end."""

    profile: str
    program: str
    created: int
    files: int
    bytes: int


def header_for(
    opened: Vault, passphrase: bytes | None = None, cost: Cost | None = None
) -> tuple[Header, bytes]:
    """Make a backup's header and its stream's key.

    Args:
        passphrase: the backup's own; the profile's where not given.

    Raises:
        AuthError: none was given and the profile has none, or it is too short.
    """
    if passphrase is None:
        slots = opened.file.of("passphrase")
        if not slots:
            raise AuthError(
                "the profile has no passphrase for the backup",
                "Give one with --passphrase-file, or type one.",
            )
        lock, file = opened, opened.with_slots(slots)
    else:
        lock = vault.new(opened.folder)
        check_passphrase(passphrase)
        slot = wrap(lock.root, "passphrase", passphrase, vault=lock.file.tag, cost=cost or Cost())
        file = lock.with_slots([slot])
    salt = secrets.token_bytes(32)
    return Header(FORMAT, VERSION, file, salt.hex()), derive(lock.subkey("backup"), "stream", salt)


def back_up(
    target: Path,
    opened: Vault,
    header: Header,
    key: bytes,
    *,
    manifest: Manifest,
    config: Path,
) -> Content:
    """Write a backup; a profile that is in use is copied as it is at one moment.

    Args:
        config: the profile's ``fallback.toml``; it need not exist.

    Raises:
        UsageError: the target is there already.
        StoreError: a database can't be copied.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", "Choose another name; nothing is written over.")
    draft = target.with_name(target.name + ".new")
    files = size = 0
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            start = _framed(header)
            out.write(start)
            sealer = Sealer(out, key, start)
            with tarfile.open(fileobj=sealer, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                _add(tar, MANIFEST, io.BytesIO(msgspec.json.encode(manifest)))
                for name, path in _members(opened.folder, config):
                    with _still(path, opened) as source:
                        size += _add(tar, name, source)
                        files += 1
            sealer.finish()
            out.flush()
            os.fsync(out.fileno())
        draft.rename(target)
        keys.sync_folder(target.absolute().parent)
    finally:
        draft.unlink(missing_ok=True)
    return Content(manifest.profile, manifest.program, manifest.created, files, size)


def read_header(source: BinaryIO, name: str) -> tuple[Header, bytes]:
    """Read a backup's header and leave the source at its first chunk; gives the header's bytes too.

    Raises:
        StoreError: it is no backup, damaged or newer.
    """
    start = source.read(len(MAGIC) + 4)
    length = int.from_bytes(start[len(MAGIC) :], "big")
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 4:
        raise StoreError(f"{name} is no backup of fallback", "Look at the file's name.")
    body = source.read(min(length, _LIMIT))
    try:
        header = msgspec.json.decode(body, type=Header)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{name} is damaged", "Use another backup.") from error
    if header.format != FORMAT or header.version != VERSION:
        raise StoreError(f"{name} was written by another version", "Upgrade fallback.")
    vault.parse(msgspec.json.encode(header.vault), name)
    if any(slot.kind != "passphrase" for slot in header.vault.slots):
        raise StoreError(f"{name} is damaged", "Use another backup.")
    return header, start + body


def key_of(header: Header, passphrases: Iterable[bytes]) -> bytes:
    """Get a backup's key with its passphrase.

    Raises:
        AuthError: the passphrase is wrong or the header damaged.
    """
    opened = vault.unlock(Path(), header.vault, passphrases)
    try:
        salt = bytes.fromhex(header.salt)
    except ValueError:
        salt = b""
    return derive(opened.subkey("backup"), "stream", salt)


@contextmanager
def members(
    source: BinaryIO, key: bytes, start: bytes, name: str
) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    """Give the files of a backup; at the end it has proved to be whole.

    Raises:
        StoreError: it is damaged or cut off, or holds what no backup holds.
    """
    stream = Opener(source, key, start, name)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:  # type: ignore[call-overload]
            yield _checked(tar, name)
    except tarfile.TarError as error:
        raise StoreError(f"{name} is damaged", "Use another backup.") from error
    stream.finish()


def _checked(tar: tarfile.TarFile, name: str) -> Iterator[tuple[str, BinaryIO]]:
    for member in tar:
        parts = member.name.split("/")
        known = member.name in (MANIFEST, CONFIG) or (parts[0] == DATA and len(parts) > 1)
        content = tar.extractfile(member) if member.isreg() else None
        if not known or content is None or any(part in ("", ".", "..") for part in parts):
            raise StoreError(f"{name} holds what no backup holds", "Use another backup.")
        yield member.name, content  # type: ignore[misc]


def _framed(header: Header) -> bytes:
    body = msgspec.json.encode(header)
    return MAGIC + len(body).to_bytes(4, "big") + body


def _members(folder: Path, config: Path) -> Iterator[tuple[str, Path]]:
    """List what belongs in the backup: all but locks, logs, drafts and key files."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name.endswith(_LEFT_OUT):
            continue
        if path.parent == folder and path.name in _SECRETS:
            continue
        yield f"{DATA}/{path.relative_to(folder).as_posix()}", path
    if config.is_file():
        yield CONFIG, config


def _add(tar: tarfile.TarFile, name: str, source: BinaryIO) -> int:
    member = tarfile.TarInfo(name)
    member.size = source.seek(0, os.SEEK_END)
    member.mode = 0o600
    source.seek(0)
    tar.addfile(member, source)
    return member.size


@contextmanager
def _still(path: Path, opened: Vault) -> Iterator[BinaryIO]:
    """Open a file for copying; of a database a copy at one moment, encrypted as the original."""
    if path.suffix != ".db" or not path.stat().st_size:
        with path.open("rb") as source:
            yield source
        return
    copy = path.with_name(path.name + DRAFT)
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        _copy(path, copy, opened)
        with copy.open("rb") as source:
            yield source
    finally:
        copy.unlink(missing_ok=True)


def _copy(path: Path, copy: Path, opened: Vault) -> None:
    with path.open("rb") as file:
        plain = file.read(len(_PLAIN)) == _PLAIN
    try:
        if plain:  # the managed homeserver's
            with (
                closing(sqlite3.connect(path, timeout=_WAIT)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            return
        with closing(_keyed(path, opened)) as database:
            database.execute("VACUUM INTO ?1", (str(copy),))
    except (DatabaseError, sqlite3.Error) as error:
        raise translate(error, path) from error


def _keyed(path: Path, opened: Vault) -> Connection:
    """Open one of the profile's databases with the key that fits."""
    purposes: tuple[Purpose, ...] = ("db", "nio")
    for purpose in purposes:
        with contextlib.suppress(DatabaseError):
            return raw(path, opened.subkey(purpose))
    raise StoreError(f"{path} is damaged or has another key", "Look at it before you rely on a backup.")

"""The vault of a profile: a random root key behind key slots, and a key for each purpose from it.

``vault.json`` is described in ``docs/vault.md``.  Changes are made with the profile's lock held.
"""

import logging
import resource
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from fallback.errors import AuthError, StoreError, UsageError
from fallback.paths import private_folder
from fallback.store import keys
from fallback.store.database import DatabaseError, raw, translate
from fallback.store.slots import (
    KEY,
    Cost,
    Hex,
    Kind,
    Slot,
    check_passphrase,
    derive,
    seal,
    unseal,
    unwrap,
    wrap,
)
from fallback.store.sources import KEY_FILE, existing, new_secret

log = logging.getLogger(__name__)
Purpose = Literal["db", "nio", "media", "backup", "links"]
NAME, FORMAT, VERSION = "vault.json", "fallback-vault", 1
MOST = 16
"""Slots: each passphrase costs its time at every wrong guess."""
_ORDER: tuple[Kind, ...] = ("file", "credential", "keyring")


class VaultFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``vault.json``, version 1.

    Args:
        id: 16 hex digits; every slot is bound to it.
        keys: keys that are older than the vault, sealed under it, by purpose.
    """

    format: str
    version: int
    id: str
    slots: tuple[Slot, ...]
    keys: dict[str, Hex] = {}

    @property
    def tag(self) -> str:
        """What slots are bound to: the vault, its format, and which keys are older than it."""
        return f"{self.format} {self.version} {self.id} {','.join(sorted(self.keys))}"

    def of(self, kind: Kind) -> list[Slot]:
        """List the slots of a kind."""
        return [slot for slot in self.slots if slot.kind == kind]


class Vault:
    """An opened vault.

    Args:
        folder: where ``vault.json`` lies.
        opened: the id of the slot that opened it.
    """

    __slots__ = ("_root", "file", "folder", "opened")

    def __init__(self, folder: Path, file: VaultFile, root: bytes, opened: str = "") -> None:
        self.folder = folder
        self.file = file
        self._root = root
        self.opened = opened

    def subkey(self, purpose: Purpose) -> bytes:
        """Give the 32-byte key for a purpose; the same one as long as the profile lives.

        Raises:
            AuthError: the vault was tampered with.
        """
        if purpose not in self.file.keys:
            return derive(self._root, purpose)
        kept = unseal(
            derive(self._root, "older keys"), self.file.keys[purpose], _bound(self.file.id, purpose)
        )
        if kept is None:
            raise _refused()
        return kept

    def add(
        self, kind: Kind, secret: bytes | None = None, *, source: str = "", cost: Cost | None = None
    ) -> Slot:
        """Add a slot; its secret is made or found where it is not given.

        Raises:
            UsageError: there is one with this secret's source already, or there are enough.
            AuthError: the secret is not to be had, or too short.
        """
        if len(self.file.slots) >= MOST:
            raise UsageError(f"there are {MOST} slots already", "Remove one first.")
        slot = self._slot(kind, secret, source=source, cost=cost)
        self._write((*self.file.slots, slot))
        return slot

    def remove(self, name: str) -> None:
        """Remove a slot, and the profile's own key file with it.

        Raises:
            UsageError: there is none of this id, or it is the last one.
        """
        slot = self.find(name)
        if len(self.file.slots) == 1:
            raise UsageError(
                f"slot {name} is the only one left",
                "Add another first: without one nobody opens the profile.",
            )
        self._write(one for one in self.file.slots if one.id != name)
        if slot.kind == "file" and slot.source == KEY_FILE:
            keys.remove(self.folder / KEY_FILE)

    def check_choice(self, slot: str) -> None:
        """Refuse a choice of passphrase that ``set_passphrase`` would refuse, before a new one is typed.

        Raises:
            UsageError: there are several, and none was named.
        """
        self._passphrase_slot(slot)

    def set_passphrase(
        self, new: bytes, *, slot: str = "", cost: Cost | None = None, only: bool = False
    ) -> Slot:
        """Set or change the passphrase: the root key is wrapped anew, in one step; no data is touched.

        Args:
            slot: the one to change; needed only where there are several.
            only: remove every other slot in the same step.

        Raises:
            UsageError: there are several, and none was named.
            AuthError: it is too short.
        """
        old = self._passphrase_slot(slot)
        fresh = self._slot("passphrase", new, cost=cost)
        kept = [] if only else [one for one in self.file.slots if one != old]
        removed = [one for one in self.file.slots if one not in kept]
        self._write((*kept, fresh))
        if any(one.kind == "file" and one.source == KEY_FILE for one in removed):
            keys.remove(self.folder / KEY_FILE)
        return fresh

    def find(self, name: str) -> Slot:
        """Find a slot by its id.

        Raises:
            UsageError: there is none.
        """
        for slot in self.file.slots:
            if slot.id == name:
                return slot
        raise UsageError(f"there is no slot {name}", "See `fallback vault slots list`.")

    def write(self) -> None:
        """Write ``vault.json``, whole or not at all."""
        text = msgspec.json.format(msgspec.json.encode(self.file), indent=2)
        keys.durable(self.folder / NAME, text + b"\n")

    def with_slots(self, slots: Iterable[Slot]) -> VaultFile:
        """Give a copy of the file with these slots alone."""
        return msgspec.structs.replace(self.file, slots=tuple(slots))

    @property
    def root(self) -> bytes:
        """The root key, for a backup alone."""
        return self._root

    def _write(self, slots: Iterable[Slot]) -> None:
        self.file = self.with_slots(slots)
        self.write()

    def _slot(self, kind: Kind, secret: bytes | None, *, source: str = "", cost: Cost | None = None) -> Slot:
        if kind == "passphrase":
            secret = check_passphrase(secret or b"")
        else:
            source, found = new_secret(kind, self.folder, self.file.id, source)
            secret = secret or found
            if any(one.source == source for one in self.file.of(kind)):
                raise UsageError(f"there is a {kind} slot for {source} already", "Remove it first.")
        return wrap(self._root, kind, secret, vault=self.file.tag, source=source, cost=cost or Cost())

    def _passphrase_slot(self, name: str) -> Slot | None:
        slots = self.file.of("passphrase")
        if name:
            if self.find(name) not in slots:
                raise UsageError(f"slot {name} holds no passphrase", "See `fallback vault slots list`.")
            return self.find(name)
        opened = next((slot for slot in slots if slot.id == self.opened), None)
        if len(slots) > 1 and opened is None:
            raise UsageError(
                f"there are {len(slots)} passphrases",
                "Say which one with --slot; see `fallback vault slots list`.",
            )
        return opened or next(iter(slots), None)


def new(folder: Path, older: Mapping[Purpose, bytes] | None = None) -> Vault:
    """Start a vault without a slot; nothing is written yet.

    Args:
        older: keys that were there before it, to be kept for their purposes.
    """
    root, name = secrets.token_bytes(KEY), secrets.token_hex(8)
    sealing = derive(root, "older keys")
    kept: dict[str, Hex] = {
        purpose: seal(sealing, key, _bound(name, purpose)) for purpose, key in (older or {}).items()
    }
    return Vault(folder, VaultFile(FORMAT, VERSION, name, (), kept), root)


def load(folder: Path) -> VaultFile | None:
    """Read ``vault.json``; nothing where there is none.

    Raises:
        StoreError: it is damaged or newer than this program.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse(data, str(path))


def parse(data: bytes, name: str) -> VaultFile:
    """Decode a vault's file.

    Raises:
        StoreError: it is damaged or newer than this program.
    """
    try:
        file = msgspec.json.decode(data, type=VaultFile)
    except msgspec.MsgspecError as error:
        if _newer(data):
            raise StoreError(f"{name} was written by a newer version", "Upgrade fallback.") from error
        raise StoreError(f"{name} is damaged", "Restore the profile from its last backup.") from error
    if len(file.slots) > MOST:
        raise StoreError(f"{name} is damaged", "Restore the profile from its last backup.")
    if file.format != FORMAT or file.version != VERSION or not file.slots:
        newer = file.format == FORMAT and file.version > VERSION
        raise StoreError(
            f"{name} was written by a newer version" if newer else f"{name} is no vault",
            "Upgrade fallback." if newer else "Restore the profile from its last backup.",
        )
    return file


def unlock(folder: Path, file: VaultFile, passphrases: Iterable[bytes]) -> Vault:
    """Open a vault: with the key file, the credential or the keyring, else with a passphrase.

    Args:
        passphrases: what to try; taken from only when nothing else opens it.

    Raises:
        AuthError: no slot opens, whether a secret is wrong or the vault is damaged.
    """
    without_core_dumps()
    missing = []
    for slot in sorted(
        (one for one in file.slots if one.kind in _ORDER), key=lambda one: _ORDER.index(one.kind)
    ):
        try:
            secret = existing(slot, folder)
        except (AuthError, StoreError) as error:
            missing.append(error.message)
            continue
        root = unwrap(slot, secret, vault=file.tag)
        if root is not None:
            return Vault(folder, file, root, slot.id)
        missing.append(f"the {slot.kind} {slot.source} does not fit")
    asked = file.of("passphrase")
    if not asked:
        raise AuthError(
            f"the vault does not open: {'; '.join(missing)}", "Put the key back, or restore a backup."
        )
    for passphrase in passphrases:
        roots = [(unwrap(slot, passphrase, vault=file.tag), slot.id) for slot in asked]
        for root, name in roots:
            if root is not None:
                return Vault(folder, file, root, name)
    raise _refused()


def open_or_make(store: Path, passphrases: Iterable[bytes]) -> Vault:
    """Open the vault beside a store; a new profile gets one with a key file, an older one keeps its store's key.

    Call it with the profile's lock held.  A crash at any moment leaves a profile that opens.

    Raises:
        AuthError: no slot opens.
        StoreError: the vault is damaged or newer, or the store is there and its key is not.
    """
    folder = private_folder(store.parent)
    file = load(folder)
    if file is not None:
        vault = unlock(folder, file, passphrases)
        _tidy(vault, store)
        return vault
    without_core_dumps()
    older = keys.read(keys.key_file(store))
    if older is None and store.exists() and store.stat().st_size:
        raise StoreError(
            f"the vault of {store} is missing", f"Put back {folder / NAME}, or restore a backup."
        )
    if older is not None:
        _prove(store, older)
    vault = new(folder, {"db": older} if older else None)
    vault.opened = vault.add("file").id
    _tidy(vault, store)
    return vault


def without_core_dumps() -> None:
    """Let a crash of this process write no memory to the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _prove(store: Path, key: bytes) -> None:
    """Refuse to take over a key that is not the store's: the right one could not be put back any more."""
    if not store.exists() or not store.stat().st_size:
        return
    try:
        raw(store, key).close()
    except DatabaseError as error:
        raise translate(error, store) from error


def _tidy(vault: Vault, store: Path) -> None:
    """Remove keys in files that the vault has made needless; a crash may have left them."""
    older = keys.key_file(store)
    if older.exists() and keys.read(older) == vault.subkey("db"):
        written = load(vault.folder)
        if written is None or written != vault.file:
            raise StoreError(f"{vault.folder / NAME} was not written as it should be", "Look at the disk.")
        keys.remove(older)
        log.info("the store's key is in the vault now")
    unused = vault.folder / KEY_FILE
    if unused.exists() and not any(slot.source == KEY_FILE for slot in vault.file.of("file")):
        keys.remove(unused)


def _bound(vault: str, purpose: str) -> bytes:
    return f"{FORMAT} {VERSION} {vault} {purpose}".encode()


def _newer(data: bytes) -> bool:
    try:
        head = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return False
    return (
        isinstance(head, dict)
        and head.get("format") == FORMAT
        and isinstance(head.get("version"), int)
        and head["version"] > VERSION
    )


def _refused() -> AuthError:
    return AuthError(
        "the passphrase is wrong, or the vault is damaged",
        "Try again; nothing was changed. A backup restores a damaged vault.",
    )

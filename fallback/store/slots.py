"""Key slots: one root key, wrapped once for each way of getting at it."""

import secrets
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fallback.errors import AuthError

Kind = Literal["passphrase", "file", "credential", "keyring"]
KEY = 32
_NONCE, _TAG, _SALT = 12, 16, 16
_ID = r"^[0-9a-f]{8}$"
Hex = str


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a guess at a passphrase costs (Argon2id).

    Args:
        memory: KiB.
        passes: iterations.
        lanes: parallel lanes.
    """

    memory: int = 65536
    passes: int = 3
    lanes: int = 4

    @property
    def sane(self) -> bool:
        """Whether it is one that this program writes: a forged one must not eat the machine's memory."""
        return 32 <= self.memory <= 2**21 and 1 <= self.passes <= 64 and 1 <= self.lanes <= 16

    def stretch(self, passphrase: bytes, salt: bytes) -> bytes:
        """Derive a key from a passphrase; a cost out of bounds is paid as the usual one."""
        cost = self if self.sane and self.memory >= 8 * self.lanes else Cost()
        return Argon2id(
            salt=salt, length=KEY, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory
        ).derive(passphrase)


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to the root key.

    Args:
        source: where the secret is: a path for a key file, a name for a credential or a keyring's entry.
        cost: of a passphrase alone.
        salt: 16 bytes, hex.
        wrapped: nonce, root key and tag, hex.
    """

    id: str
    kind: Kind
    salt: Hex
    wrapped: Hex
    source: str = ""
    cost: Cost | None = None


def wrap(root: bytes, kind: Kind, secret: bytes, *, vault: str, source: str = "", cost: Cost) -> Slot:
    """Make a slot that gives the root key to whoever has the secret.

    Args:
        vault: what names the vault and its format; the slot fits no other.
    """
    slot = Slot(
        id=secrets.token_hex(4),
        kind=kind,
        salt=secrets.token_bytes(_SALT).hex(),
        wrapped="",
        source=source,
        cost=cost if kind == "passphrase" else None,
    )
    sealed = seal(_key(slot, secret), root, _bound(slot, vault))
    return msgspec.structs.replace(slot, wrapped=sealed)


def unwrap(slot: Slot, secret: bytes, *, vault: str) -> bytes | None:
    """Get the root key out of a slot; nothing where the secret is wrong or the slot is damaged.

    Both cost the same: the key is derived in any case, and only the tag decides.
    """
    return unseal(_key(slot, secret), slot.wrapped, _bound(slot, vault))


def seal(key: bytes, value: bytes, bound: bytes) -> Hex:
    """Encrypt a short value under a key; ``bound`` must be the same when it is read."""
    nonce = secrets.token_bytes(_NONCE)
    return (nonce + ChaCha20Poly1305(key).encrypt(nonce, value, bound)).hex()


def unseal(key: bytes, sealed: Hex, bound: bytes) -> bytes | None:
    """Decrypt what ``seal`` made; nothing where anything of it is not as it was."""
    data = _bytes(sealed, _NONCE + KEY + _TAG)
    try:
        return ChaCha20Poly1305(key).decrypt(data[:_NONCE], data[_NONCE:], bound)
    except InvalidTag:
        return None


def derive(key: bytes, purpose: str, salt: bytes = b"") -> bytes:
    """Derive a key for one purpose (HKDF-SHA256)."""
    return HKDF(SHA256(), KEY, salt or None, b"fallback " + purpose.encode()).derive(key)


def check_passphrase(passphrase: bytes) -> bytes:
    """Refuse a new passphrase that protects nothing.

    Raises:
        AuthError: it has fewer than 8 bytes.
    """
    if len(passphrase) < 8:
        raise AuthError("the passphrase is too short", "Use 8 characters at least; several words are best.")
    return passphrase


def _key(slot: Slot, secret: bytes) -> bytes:
    salt = _bytes(slot.salt, _SALT)
    if slot.kind == "passphrase":
        return (slot.cost or Cost()).stretch(secret, salt)
    return derive(secret, f"slot {slot.kind}", salt)


def _bound(slot: Slot, vault: str) -> bytes:
    return vault.encode() + msgspec.json.encode(msgspec.structs.replace(slot, wrapped=""))


def _bytes(text: Hex, length: int) -> bytes:
    """Read hex as we write it; anything else becomes zeros, which no tag fits."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    return data if len(data) == length and data.hex() == text else bytes(length)

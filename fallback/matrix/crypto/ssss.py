"""Secret storage (``m.secret_storage.v1.aes-hmac-sha2``): the account's secrets on the server under a recovery key."""

import hmac
import os
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from fallback.errors import AuthError, PermanentError
from fallback.matrix.crypto.canonical import Json, b64, unb64
from fallback.matrix.http import MatrixHttp, RefusedError

ALGORITHM = "m.secret_storage.v1.aes-hmac-sha2"
MOST_ROUNDS = 10_000_000
"""Rounds of PBKDF2 that we do at a server's word."""
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = b"\x8b\x01"
_WRONG = "this is not the account's recovery key or passphrase"
_WRONG_HINT = "Write it as it was shown when it was made, or verify this device from another one."


def encode_recovery_key(key: bytes) -> str:
    """Write 32 bytes as people see them: base58 in groups of four, with a parity byte."""
    raw = _PREFIX + key
    text = _base58(raw + bytes([_parity(raw)]))
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def decode_recovery_key(text: str) -> bytes:
    """Read a recovery key; spaces don't matter.

    Raises:
        AuthError: this is none, or it has a typing error.
    """
    number = 0
    for letter in "".join(text.split()):
        digit = _ALPHABET.find(letter)
        if digit < 0:
            raise AuthError("a recovery key has letters and digits only, without 0, O, I and l", _WRONG_HINT)
        number = number * 58 + digit
        if number >> 8 * 35:
            raise AuthError("this is too long for a recovery key", _WRONG_HINT)
    raw = number.to_bytes(35, "big")
    if raw[:2] != _PREFIX or _parity(raw):
        raise AuthError("this recovery key has a typing error", _WRONG_HINT)
    return raw[2:34]


def _parity(data: bytes) -> int:
    parity = 0
    for byte in data:
        parity ^= byte
    return parity


def _base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


class StorageKey:
    """The key that secrets are stored under.

    Args:
        key: 32 bytes; a secret.
        key_id: its name in account data; a new one by default.
    """

    def __init__(self, key: bytes | None = None, key_id: str = "") -> None:
        self.key = os.urandom(32) if key is None else key
        self.id = key_id or _base58(os.urandom(24))

    @classmethod
    def from_passphrase(cls, passphrase: str, info: Mapping[str, Any], key_id: str = "") -> Self:
        """Stretch a passphrase.

        Args:
            info: the ``passphrase`` part of the key's description.

        Raises:
            PermanentError: the server describes a way that we don't know, or an unreasonable one.
        """
        rounds, bits = info.get("iterations"), info.get("bits", 256)
        if info.get("algorithm") != "m.pbkdf2" or not isinstance(rounds, int) or bits != 256:
            raise PermanentError("the account's secret storage stretches its passphrase in an unknown way")
        if not 0 < rounds <= MOST_ROUNDS:
            raise PermanentError("the account's secret storage asks for an unreasonable amount of work")
        kdf = PBKDF2HMAC(hashes.SHA512(), 32, str(info.get("salt", "")).encode(), rounds)
        return cls(kdf.derive(passphrase.encode()), key_id)

    def encrypt(self, name: str, secret: str, iv: bytes | None = None) -> dict[str, str]:
        """Lock a secret under its name."""
        aes, mac = self._derive(name)
        start = bytearray(os.urandom(16) if iv is None else iv)
        start[8] &= 0x7F  # some implementations of CTR differ in this bit
        cipher = Cipher(algorithms.AES(aes), modes.CTR(bytes(start))).encryptor()
        text = cipher.update(secret.encode()) + cipher.finalize()
        return {
            "iv": b64(bytes(start)),
            "ciphertext": b64(text),
            "mac": b64(hmac.digest(mac, text, "sha256")),
        }

    def decrypt(self, name: str, locked: Mapping[str, Any]) -> str:
        """Open a secret.

        Raises:
            AuthError: another key locked it, or it was changed.
        """
        aes, mac = self._derive(name)
        try:
            text, iv, tag = (unb64(locked[part]) for part in ("ciphertext", "iv", "mac"))
            if not hmac.compare_digest(hmac.digest(mac, text, "sha256"), tag):
                raise AuthError(f"the secret {name} was not locked by this key", _WRONG_HINT)
            cipher = Cipher(algorithms.AES(aes), modes.CTR(iv)).decryptor()
            return (cipher.update(text) + cipher.finalize()).decode()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AuthError(f"the secret {name} on the server is damaged", _WRONG_HINT) from error

    def description(self) -> Json:
        """Give the account data by which the key is recognised."""
        proof = self.encrypt("", "\0" * 32)
        return {"algorithm": ALGORITHM, "iv": proof["iv"], "mac": proof["mac"]}

    def matches(self, description: Mapping[str, Any]) -> bool:
        """Tell whether this is the key that was described; one without a proof is taken to be."""
        if "iv" not in description or "mac" not in description:
            return True
        try:
            proof = self.encrypt("", "\0" * 32, unb64(description["iv"]))
            return hmac.compare_digest(unb64(proof["mac"]), unb64(description["mac"]))
        except (ValueError, TypeError, AttributeError, IndexError):
            return False

    def _derive(self, name: str) -> tuple[bytes, bytes]:
        both = HKDF(hashes.SHA256(), 64, b"\0" * 32, name.encode()).derive(self.key)
        return both[:32], both[32:]


class SecretStorage:
    """An account's secret storage on its homeserver."""

    def __init__(self, http: MatrixHttp, user: str) -> None:
        self._http = http
        self._user = user

    async def create(self, secrets: Mapping[str, bytes]) -> StorageKey:
        """Lock secrets under a new key and make it the default, which is written last."""
        key = StorageKey()
        await self.put(f"m.secret_storage.key.{key.id}", key.description())
        for name, secret in secrets.items():
            await self.write(key, name, secret)
        await self.put("m.secret_storage.default_key", {"key": key.id})
        return key

    async def unlock(self, text: str) -> StorageKey:
        """Give the default key from what a person typed: the recovery key, or the passphrase if there is one.

        Raises:
            AuthError: neither fits.
            PermanentError: the account has no secret storage, or one of an unknown kind.
        """
        key_id = str((await self.get("m.secret_storage.default_key")).get("key", ""))
        description = await self.get(f"m.secret_storage.key.{key_id}") if key_id else {}
        if not description:
            raise PermanentError(
                "this account has no secret storage", "Set it up: the recovery key is shown once."
            )
        if description.get("algorithm") != ALGORITHM:
            raise PermanentError("the account's secret storage is of a kind that we don't know")
        info = description.get("passphrase")
        try:
            key = StorageKey(decode_recovery_key(text), key_id)
        except AuthError:
            if not isinstance(info, dict):
                raise
            key = StorageKey.from_passphrase(text, info, key_id)
        if not key.matches(description):
            raise AuthError(_WRONG, _WRONG_HINT)
        return key

    async def read(self, key: StorageKey, name: str) -> bytes | None:
        """Give a secret, or ``None`` where it is not stored under this key."""
        locked = (await self.get(name)).get("encrypted", {}).get(key.id)
        if locked is None:
            return None
        try:
            return unb64(key.decrypt(name, locked))
        except ValueError as error:
            raise AuthError(f"the secret {name} on the server is damaged", _WRONG_HINT) from error

    async def write(self, key: StorageKey, name: str, secret: bytes) -> None:
        """Store a secret under this key alone."""
        await self.put(name, {"encrypted": {key.id: key.encrypt(name, b64(secret))}})

    async def get(self, kind: str) -> Json:
        """Read account data; empty where there is none."""
        try:
            answer: Json = await self._http.json("GET", self._path(kind))
        except RefusedError as error:
            if error.status == 404:
                return {}
            raise
        return answer

    async def put(self, kind: str, content: Json) -> None:
        """Write account data."""
        await self._http.json("PUT", self._path(kind), body=content)

    def _path(self, kind: str) -> str:
        return f"/_matrix/client/v3/user/{quote(self._user, safe='')}/account_data/{quote(kind, safe='')}"

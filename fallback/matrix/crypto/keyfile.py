"""Element's file of room keys: written and read, without the minutes that nio takes."""

import base64
import hmac
import json
import os
from collections.abc import Iterable

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from fallback.errors import AuthError, ParseError
from fallback.matrix.crypto.canonical import canonical, unb64
from fallback.matrix.crypto.roomkeys import RoomKey

HEAD, FOOT = "-----BEGIN MEGOLM SESSION DATA-----", "-----END MEGOLM SESSION DATA-----"
ROUNDS = 500_000
MOST_ROUNDS = 10_000_000
"""Rounds that we do at a file's word."""
_VERSION = b"\x01"
_SALT, _IV, _MAC = slice(1, 17), slice(17, 33), 32
_HINT = "Export the keys again in Element: All settings, Encryption."


class KeyFile(msgspec.Struct, frozen=True):
    """What a file held.

    Args:
        unreadable: entries that were malformed.
    """

    keys: tuple[RoomKey, ...]
    unreadable: int = 0


def write_key_file(keys: Iterable[RoomKey], passphrase: str, *, rounds: int = ROUNDS) -> str:
    """Lock room keys under a passphrase."""
    salt, iv = os.urandom(16), bytearray(os.urandom(16))
    iv[8] &= 0x7F
    aes, mac = _derive(passphrase, salt, rounds)
    cipher = Cipher(algorithms.AES(aes), modes.CTR(bytes(iv))).encryptor()
    text = cipher.update(canonical([key.write() for key in keys])) + cipher.finalize()
    body = _VERSION + salt + bytes(iv) + rounds.to_bytes(4, "big") + text
    raw = body + hmac.digest(mac, body, "sha256")
    return "\n".join([HEAD, *_lines(raw), FOOT, ""])


def read_key_file(text: str, passphrase: str) -> KeyFile:
    """Open a file of room keys; they are *imported*: true to what the file says.

    Raises:
        ParseError: this is no such file, or it is damaged.
        AuthError: the passphrase is wrong, or the file was changed.
    """
    raw = _body(text)
    rounds = int.from_bytes(raw[33:37], "big")
    if not 0 < rounds <= MOST_ROUNDS:
        raise ParseError("the file of room keys asks for an unreasonable amount of work", _HINT)
    aes, mac = _derive(passphrase, raw[_SALT], rounds)
    if not hmac.compare_digest(hmac.digest(mac, raw[:-_MAC], "sha256"), raw[-_MAC:]):
        raise AuthError("the passphrase is not that of this file", "Try again, or export the keys again.")
    cipher = Cipher(algorithms.AES(aes), modes.CTR(raw[_IV])).decryptor()
    try:
        entries = json.loads(cipher.update(raw[37:-_MAC]) + cipher.finalize())
    except ValueError as error:
        raise ParseError("the file of room keys holds no JSON", _HINT) from error
    if not isinstance(entries, list):
        raise ParseError("the file of room keys holds no list", _HINT)
    return _keys(entries)


def _keys(entries: list[object]) -> KeyFile:
    keys: list[RoomKey] = []
    for entry in entries:
        try:
            key = RoomKey.read(entry if isinstance(entry, dict) else {})
            key.open()
        except ValueError:
            continue
        keys.append(key)
    return KeyFile(tuple(keys), len(entries) - len(keys))


def _body(text: str) -> bytes:
    lines = [line.strip() for line in text.strip().removeprefix("\ufeff").splitlines()]
    if len(lines) < 3 or lines[0] != HEAD or FOOT not in lines:
        raise ParseError("this is no file of room keys", _HINT)
    try:
        raw = unb64("".join(lines[1 : lines.index(FOOT)]))
    except ValueError as error:
        raise ParseError("the file of room keys is damaged", _HINT) from error
    if len(raw) < 37 + _MAC or raw[:1] != _VERSION:
        raise ParseError("the file of room keys is cut short, or of an unknown version", _HINT)
    return raw


def _lines(raw: bytes) -> list[str]:
    text = base64.b64encode(raw).decode()
    return [text[start : start + 96] for start in range(0, len(text), 96)]


def _derive(passphrase: str, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    both = PBKDF2HMAC(hashes.SHA512(), 64, salt, rounds).derive(passphrase.encode())
    return both[:32], both[32:]

"""Files as encrypted rooms keep them (``EncryptedFile`` v2): AES-256-CTR, and a hash of what is stored."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fallback.errors import PermanentError
from fallback.matrix.crypto.canonical import Json, b64, unb64


class Sealer:
    """Encrypts one file as it streams by."""

    def __init__(self) -> None:
        secret = os.urandom(40)
        self._key, self._iv = secret[:32], secret[32:] + bytes(8)
        self._cipher = _cipher(self._key, self._iv).encryptor()
        self._hash = hashlib.sha256()

    def update(self, chunk: bytes) -> bytes:
        """Encrypt the next bytes."""
        sealed = self._cipher.update(chunk)
        self._hash.update(sealed)
        return sealed

    def finish(self) -> Json:
        """Give the file's ``file`` object, which lacks its ``url`` yet; a secret."""
        key = b64(self._key).translate(_URL_SAFE)
        return {
            "v": "v2",
            "key": {"kty": "oct", "alg": "A256CTR", "ext": True, "k": key, "key_ops": ["encrypt", "decrypt"]},
            "iv": b64(self._iv),
            "hashes": {"sha256": b64(self._hash.digest())},
        }


def seal_file(plain: bytes) -> tuple[bytes, Json]:
    """Encrypt a file in one go; as ``Sealer``."""
    sealer = Sealer()
    return sealer.update(plain), sealer.finish()


def open_file(sealed: bytes, file: Json) -> bytes:
    """Decrypt a file.

    Raises:
        PermanentError: these are not the bytes that were announced, or the announcement is malformed.
    """
    try:
        key = unb64(str(file["key"]["k"]).translate(_STANDARD))
        iv, told = unb64(file["iv"]), unb64(file["hashes"]["sha256"])
        if not hmac.compare_digest(hashlib.sha256(sealed).digest(), told):
            raise PermanentError("the file is not the one that was announced")
        return _cipher(key, iv).decryptor().update(sealed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PermanentError("the keys of a file are malformed") from error


def _cipher(key: bytes, iv: bytes) -> Cipher[modes.CTR]:
    return Cipher(algorithms.AES256(key), modes.CTR(iv))


_URL_SAFE = str.maketrans("+/", "-_")
_STANDARD = str.maketrans("-_", "+/")

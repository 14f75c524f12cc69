"""An encrypted stream: chunks that can't be changed, dropped, moved, added or cut off unnoticed.

Each chunk of 64 KiB is sealed with ChaCha20-Poly1305 under a key for this stream alone; the nonce is the chunk's
number (11 bytes) and whether it is the last (1 byte); the header's hash is bound to each.
"""

import hashlib
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fallback.errors import StoreError

CHUNK = 65536
_TAG = 16


class Sealer:
    """Encrypts what is written to it; ``finish`` must be called.

    Args:
        key: 32 bytes, never used for another stream.
        header: what stands before the chunks, in clear.
    """

    def __init__(self, out: BinaryIO, key: bytes, header: bytes) -> None:
        self._out = out
        self._cipher = ChaCha20Poly1305(key)
        self._bound = hashlib.sha256(header).digest()
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> int:
        """Take bytes; whole chunks go out, the last one waits."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._emit(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk."""
        self._emit(bytes(self._waiting), last=True)

    def _emit(self, chunk: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._bound))
        self._number += 1


class Opener:
    """Reads what ``Sealer`` wrote.

    Args:
        name: of the file, for messages.

    Raises:
        StoreError: (from ``read`` and ``finish``) it is damaged or cut off.
    """

    def __init__(self, source: BinaryIO, key: bytes, header: bytes, name: str) -> None:
        self._source = source
        self._cipher = ChaCha20Poly1305(key)
        self._bound = hashlib.sha256(header).digest()
        self._name = name
        self._ready = bytearray()
        self._ahead = source.read(CHUNK + _TAG)
        self._number = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """Give ``size`` bytes, fewer at the end; never a byte that was not proved."""
        while len(self._ready) < size and not self._ended:
            self._next()
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def finish(self) -> None:
        """Read to the end, which proves that nothing is missing."""
        while not self._ended:
            self._ready.clear()
            self._next()

    def _next(self) -> None:
        sealed, self._ahead = self._ahead, self._source.read(CHUNK + _TAG)
        self._ended = not self._ahead
        try:
            nonce = _nonce(self._number, last=self._ended)
            self._ready += self._cipher.decrypt(nonce, sealed, self._bound)
        except InvalidTag as error:
            raise StoreError(f"{self._name} is damaged or cut off", "Use another backup.") from error
        self._number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])

"""The media folder of a profile: each file sealed under the vault's key for media (ChaCha20-Poly1305)."""

import asyncio
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fallback.errors import PermanentError, StoreError
from fallback.paths import private_file

_NONCE = 12
_NAME = re.compile(r"[a-z0-9]{1,64}")


class MediaFolder:
    """Implements ``core.media.Media``; a file is bound to its name."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self._cipher = ChaCha20Poly1305(key)

    async def keep(self, name: str, data: bytes) -> None:
        """Seal a file and write it."""
        await asyncio.to_thread(self._write, name, data)

    async def fetch(self, name: str) -> bytes:
        """Read a file and open it."""
        return await asyncio.to_thread(self._read, name)

    async def forget(self, name: str) -> None:
        """Remove a file."""
        await asyncio.to_thread(self._path(name).unlink, missing_ok=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise PermanentError("this is no name of a kept file")
        return self.folder / name

    def _write(self, name: str, data: bytes) -> None:
        nonce = secrets.token_bytes(_NONCE)
        try:
            private_file(self._path(name), nonce + self._cipher.encrypt(nonce, data, name.encode()))
        except OSError as error:
            raise StoreError(f"the file can't be kept: {error.strerror}", "Free some space.") from error

    def _read(self, name: str) -> bytes:
        try:
            sealed = self._path(name).read_bytes()
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except OSError as error:
            raise PermanentError("the file is not on this computer any more") from error
        except (InvalidTag, ValueError) as error:
            raise PermanentError("the file on this computer is damaged") from error


class MemoryMedia:
    """Files in memory, for tests and pictures; implements ``core.media.Media``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def keep(self, name: str, data: bytes) -> None:
        """Keep a file."""
        self.files[name] = data

    async def fetch(self, name: str) -> bytes:
        """Give a file's bytes."""
        if name not in self.files:
            raise PermanentError("the file is not on this computer any more")
        return self.files[name]

    async def forget(self, name: str) -> None:
        """Remove a file."""
        self.files.pop(name, None)

"""The account's key backup (``m.megolm_backup.v1.curve25519-aes-sha2``): made, kept up, and restored."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import vodozemac

from fallback.errors import AuthError, PermanentError
from fallback.matrix.crypto.canonical import Json, b64, canonical, is_signed, signable, signed
from fallback.matrix.crypto.identity import MASTER, Chain, CrossSigningKeys, OwnDevice
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.http import MatrixHttp, RefusedError

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
BATCH = 200
"""Room keys in one upload."""
_VERSION = "/_matrix/client/v3/room_keys/version"


class BackupKey:
    """The Curve25519 key pair of a backup.

    Args:
        key: 32 bytes; a secret; a new one by default.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self.key = os.urandom(32) if key is None else key
        self._open = vodozemac.PkDecryption.from_key(vodozemac.Curve25519SecretKey.from_bytes(self.key))
        self.public = self._open.public_key.to_base64()
        self._seal = vodozemac.PkEncryption.from_key(self._open.public_key)

    def seal(self, key: RoomKey) -> Json:
        """Lock one room key as the server keeps it."""
        plain = {name: part for name, part in key.write().items() if name not in ("room_id", "session_id")}
        message = self._seal.encrypt(canonical(plain))
        # by attribute: to_base64() gives the three in another order than from_base64() takes them
        data = {
            "ephemeral": b64(message.ephemeral_key),
            "ciphertext": b64(message.ciphertext),
            "mac": b64(message.mac),
        }
        return {
            "first_message_index": key.first_index,
            "forwarded_count": len(key.chain),
            "is_verified": True,
            "session_data": data,
        }

    def open(self, entry: Mapping[str, Any], room: str, session: str) -> RoomKey:
        """Open one room key.

        Raises:
            ValueError: another key locked it, or it is malformed.
        """
        try:
            data = entry["session_data"]
            message = vodozemac.Message.from_base64(data["ciphertext"], data["mac"], data["ephemeral"])
            plain = json.loads(self._open.decrypt(message))
        except (KeyError, TypeError) as error:
            raise ValueError("a malformed entry of a backup") from error
        return RoomKey.read(plain, room, session)


class Restored(msgspec.Struct, frozen=True):
    """What a backup held.

    Args:
        unreadable: entries that could not be opened.
    """

    keys: tuple[RoomKey, ...]
    unreadable: int = 0


class Backup:
    """One version of the account's key backup."""

    def __init__(self, http: MatrixHttp, key: BackupKey, version: str) -> None:
        self._http = http
        self.key = key
        self.version = version

    async def upload(self, keys: Iterable[RoomKey]) -> int:
        """Add room keys, which may be there already; returns how many were sent.

        Raises:
            PermanentError: the backup was replaced by another version.
        """
        waiting = list(keys)
        for start in range(0, len(waiting), BATCH):
            rooms: dict[str, Json] = {}
            for key in waiting[start : start + BATCH]:
                rooms.setdefault(key.room, {"sessions": {}})["sessions"][key.session] = self.key.seal(key)
            try:
                await self._http.json("PUT", self._keys, body={"rooms": rooms})
            except RefusedError as error:
                if error.errcode in ("M_WRONG_ROOM_KEYS_VERSION", "M_NOT_FOUND"):
                    raise PermanentError(
                        "the account's key backup was replaced elsewhere", "Give its new recovery key."
                    ) from error
                raise
        return len(waiting)

    async def restore(self) -> Restored:
        """Fetch and open all room keys.  Anybody with the public key can have put them there: they are *imported*."""
        answer = await self._http.json("GET", self._keys)
        keys: list[RoomKey] = []
        unreadable = 0
        for room, held in answer.get("rooms", {}).items():
            for session, entry in held.get("sessions", {}).items():
                try:
                    key = self.key.open(entry, room, session)
                    key.open()
                except ValueError:
                    unreadable += 1
                else:
                    keys.append(key)
        return Restored(tuple(keys), unreadable)

    @property
    def _keys(self) -> str:
        return f"/_matrix/client/v3/room_keys/keys?version={quote(self.version, safe='')}"


async def create_backup(http: MatrixHttp, keys: CrossSigningKeys, device: OwnDevice) -> Backup:
    """Make a new version, signed by the master key and by this device."""
    key = BackupKey()
    auth = keys.keys[MASTER].sign({"public_key": key.public}, device.user)
    auth = signed(auth, device.user, f"ed25519:{device.device}", device.sign(signable(auth)))
    answer = await http.json("POST", _VERSION, body={"algorithm": ALGORITHM, "auth_data": auth})
    return Backup(http, key, str(answer["version"]))


async def open_backup(http: MatrixHttp, key: BackupKey) -> Backup:
    """Give the current version, which must be this key's.

    Raises:
        AuthError: the current version has another key.
        PermanentError: there is none, or of an unknown kind.
    """
    found = await current_version(http)
    if found is None or found.get("algorithm") != ALGORITHM:
        raise PermanentError("the account has no key backup that we can read")
    if found["auth_data"].get("public_key") != key.public:
        raise AuthError(
            "the account's key backup has another key than its secret storage",
            "The backup was replaced elsewhere: make a new one, or use the newest recovery key.",
        )
    return Backup(http, key, str(found["version"]))


async def current_version(http: MatrixHttp) -> Json | None:
    """Ask for the current version's description, if there is a backup."""
    try:
        answer: Json = await http.json("GET", _VERSION)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise
    return answer


def is_vouched_for(auth_data: Mapping[str, Any], chain: Chain) -> bool:
    """Tell whether the account's master key has signed a backup, so that one may write to it without its key."""
    return bool(chain.master) and is_signed(auth_data, chain.user, f"ed25519:{chain.master}", chain.master)

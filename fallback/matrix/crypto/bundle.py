"""History for people invited later (MSC4268): the room's keys as one encrypted file, told to the invitee's devices."""

import json
import logging
import re
from collections.abc import Iterable
from urllib.parse import quote
from uuid import uuid4

import msgspec
from nio.crypto import decrypt_attachment, encrypt_attachment
from nio.exceptions import EncryptionError

from fallback.errors import PermanentError
from fallback.matrix.crypto.canonical import Json, canonical
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.olm import DEVICES_AT_ONCE
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.crypto.trust import Sharing

log = logging.getLogger(__name__)
KIND = "m.room_key_bundle"
LIMIT = 50_000_000
"""Bytes of a bundle that we take: 100,000 sessions."""
_MXC = re.compile(r"mxc://([^/?#\s]+)/([A-Za-z0-9_-]+)")


class Shared(msgspec.Struct, frozen=True):
    """What an invitee was given.

    Args:
        devices: how many can read it; with none, wait with the invitation until the person has a signed device.
    """

    keys: int
    devices: int


class Offer(msgspec.Struct, frozen=True):
    """A bundle that came.

    Args:
        sender: who must also be who invited us.
        sender_key: Curve25519 key of the sender's device, which must be signed by its owner when it is accepted.
    """

    room: str
    sender: str
    sender_key: str
    file: Json


async def share_history(
    client: SafeClient, room: str, user: str, keys: Iterable[RoomKey] | None = None
) -> Shared:
    """Give a person the room's keys; the invitation comes after this.

    Args:
        keys: instead of all of the room that may be passed on.

    Raises:
        IdentityChangedError, TransientError: as ``SafeClient.room_send``.
    """
    chosen = list(client.room_keys(room, shared_only=True) if keys is None else keys)
    await client.fetch_keys(user, client.user_id)
    devices = [
        device
        for device in client.device_store.active_user_devices(user)
        if client.trust.sharing(user, device.id) is not Sharing.WITHHELD and not client.machine.is_own(device)
    ]
    if not devices or not chosen:
        return Shared(len(chosen), 0)
    await client.claim([user])
    plain = {"room_keys": [_entry(key) for key in chosen], "withheld": []}
    ciphertext, info = encrypt_attachment(canonical(plain))
    url = await client.http.upload(ciphertext, mimetype="application/octet-stream", filename="keys")
    content = {"room_id": room, "file": {**info, "url": url}}
    bodies = client.machine.encrypt_for(devices, KIND, content)
    for start in range(0, len(bodies), DEVICES_AT_ONCE):
        part = dict(list(bodies.items())[start : start + DEVICES_AT_ONCE])
        path = f"/_matrix/client/v3/sendToDevice/m.room.encrypted/{uuid4()}"
        await client.http.json("PUT", path, body={"messages": {user: part}})
    return Shared(len(chosen), len(bodies))


def _entry(key: RoomKey) -> Json:
    dropped = ("forwarding_curve25519_key_chain", "m.shared_history")
    return {name: part for name, part in key.write().items() if name not in dropped}


class BundleInbox:
    """Collects the bundles that come to a device; ``accept`` takes one, once we are in the room."""

    def __init__(self, client: SafeClient) -> None:
        self._client = client
        client.secret_handlers[KIND] = self._note

    @property
    def offers(self) -> dict[tuple[str, str], Offer]:
        """Give what waits, by (room, sender)."""
        kept = self._client.crypto.offers().items()
        return {place: msgspec.json.decode(offer, type=Offer) for place, offer in kept}

    def _note(self, sender: str, sender_key: str, content: Json) -> None:
        """Keep an offer, in the transaction of the sync that brought it."""
        offer = msgspec.convert(
            {
                "room": content["room_id"],
                "sender": sender,
                "sender_key": sender_key,
                "file": content["file"],
            },
            Offer,
        )
        self._client.crypto.save_offer(offer.room, sender, msgspec.json.encode(offer).decode())

    async def accept(self, room: str, inviter: str) -> int:
        """Take the keys that who invited us to a room has sent; returns how many are new (0 without an offer).

        Raises:
            PermanentError: the file is not what was announced, or the inviter's device is not signed.
            TransientError: not now; the offer stays.
        """
        offer = self.offers.get((room, inviter))
        if offer is None:
            return 0
        await self._client.refresh_keys(inviter)
        device = self._client.device_store.device_from_sender_key(inviter, offer.sender_key)
        if device is None or self._client.trust.sharing(inviter, device.id) is Sharing.WITHHELD:
            self._client.crypto.forget_offer(room, inviter)
            raise PermanentError("the history's keys come from a device that its owner has not signed")
        plain = await self._fetch(offer.file)
        keys: list[RoomKey] = []
        for entry in plain.get("room_keys", []):
            try:
                key = RoomKey.read({**entry, "m.shared_history": True})
            except (ValueError, TypeError):
                continue
            if key.room == room:
                keys.append(key)
        new = self._client.take(keys)
        self._client.crypto.forget_offer(room, inviter)
        return new

    async def _fetch(self, file: Json) -> Json:
        found = _MXC.fullmatch(str(file.get("url", "")))
        if found is None:
            raise PermanentError("the bundle of room keys has no address")
        server, name = (quote(part, safe="") for part in found.groups())
        path = f"/_matrix/client/v1/media/download/{server}/{name}"
        raw = await self._client.http.download(path, limit=LIMIT)
        try:
            plain = json.loads(
                decrypt_attachment(raw, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
            )
        except (KeyError, TypeError, ValueError, EncryptionError) as error:
            raise PermanentError("the bundle of room keys is not the one that was announced") from error
        return plain if isinstance(plain, dict) else {}

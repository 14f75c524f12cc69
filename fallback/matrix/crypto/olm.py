"""nio's Olm machine with its gaps closed: keys saved before they are sent, senders checked, ids not confused."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nio.api import Api
from nio.crypto import InboundGroupSession, OlmDevice, Session
from nio.events import Event, MegolmEvent
from nio.exceptions import EncryptionError

from fallback.matrix.crypto.canonical import Json, b64, is_signed, signable
from fallback.matrix.crypto.forwarding import Forwarding
from fallback.matrix.crypto.roomkeys import MEGOLM, RoomKey, is_same
from fallback.matrix.crypto.rotation import Rotation
from fallback.matrix.crypto.store import CryptoStore
from fallback.matrix.crypto.trust import Trust, Verdict
from fallback.text import sanitise_name

log = logging.getLogger(__name__)
DEVICES_AT_ONCE = 20
"""To-device messages in one request."""
_HOSTILE = (ValueError, KeyError, TypeError, AttributeError, AssertionError, EncryptionError)
"""What a malformed event can raise inside of nio and vodozemac."""

WITHHELD = "m.room_key.withheld"
WITHHELD_CODES = frozenset({"m.blacklisted", "m.unverified", "m.unauthorised", "m.unavailable"})

Share = tuple[set[tuple[str, str]], Json]
"""The (user, device) that one request serves, and its body."""

SecretHandler = Callable[[str, str, Json], None]
"""Takes sender, sender's Curve25519 key and content of an Olm message of a type that nio does not know."""


class GuardedOlm(Forwarding):
    """The machine of one device.

    Args:
        trust: where what ``/keys/query`` says is judged.
    """

    def __init__(self, user_id: str, device_id: str, store: CryptoStore, trust: Trust) -> None:
        super().__init__(user_id, device_id, store)
        self.trust = trust
        self.crypto = store
        self.imported = store.marked("imported")
        self._by_id = {session.id: session for session in self.inbound_group_store}
        self.secret_handlers: dict[str, SecretHandler] = {}
        self.rotations: dict[str, Rotation] = {}
        self._outbound_shared: dict[str, bool] = {}

    def session(self, room: str, name: str) -> InboundGroupSession | None:
        """Give a session by its name, which nobody else's can have (a message need not say whose it is)."""
        found = self._by_id.get(name)
        return found if found is not None and found.room_id == room else None

    def has(self, room: str, name: str) -> bool:
        """Tell whether we have a session's key."""
        return self.session(room, name) is not None

    def first_index(self, room: str, name: str) -> int | None:
        """Give the index of the first message that a session opens; ``None`` without its key."""
        found = self.session(room, name)
        return found.first_known_index if found else None

    @property
    def session_count(self) -> int:
        """Give the number of room keys that we have."""
        return len(self._by_id)

    # ── our own keys ─────────────────────────────────────────────────────────────────────────────

    def share_keys(self) -> dict[str, Any]:
        """Write the body of ``/keys/upload``; the private halves are on disk before it leaves (B2).

        The keys count as published from here on: what gets lost on the way is never offered twice.
        """
        body: dict[str, Any] = super().share_keys()
        if not self.account.shared or self.uploaded_key_count == 0:
            body["fallback_keys"] = self._fallback_keys()
        self.account.mark_keys_as_published()
        self.save_account()
        return body

    def _fallback_keys(self) -> Json:
        account: Any = self.account._account  # noqa: SLF001 - nio does not know fallback keys
        account.generate_fallback_key()
        keys = {}
        for name, key in account.fallback_key.items():
            value = {"key": key.to_base64(), "fallback": True}
            keys[f"signed_curve25519:{name}"] = self._sign(value)
        return keys

    def _sign(self, value: Json) -> Json:
        signature = self.account.sign(signable(value).decode())
        return {**value, "signatures": {self.user_id: {f"ed25519:{self.device_id}": signature}}}

    def device_keys(self) -> Json:
        """Give this device's own keys, with its owner's signature where the server has shown it to us."""
        own = self.account.identity_keys
        chain = self.trust.chains.get(self.user_id)
        shown = chain.devices.get(self.device_id) if chain else None
        if shown and shown["keys"].get(f"ed25519:{self.device_id}") == own["ed25519"]:
            return {name: part for name, part in shown.items() if name != "unsigned"}
        keys = {f"{name}:{self.device_id}": key for name, key in own.items()}
        return self._sign(
            {
                "algorithms": self._algorithms,
                "device_id": self.device_id,
                "user_id": self.user_id,
                "keys": keys,
            }
        )

    # ── sharing ──────────────────────────────────────────────────────────────────────────────────

    def is_own(self, device: OlmDevice) -> bool:
        """Tell whether a device is this one; another person's may have the same id (B6)."""
        return bool(device.user_id == self.user_id and device.id == self.device_id)

    def get_missing_sessions(self, users: list[str]) -> dict[str, list[str]]:
        """List the devices of users that we have no Olm session with, but for this one and withheld ones."""
        missing: dict[str, list[str]] = {}
        for user in users:
            for device in self.device_store.active_user_devices(user):
                skip = self.is_own(device) or self.is_device_blacklisted(device)
                if not skip and not self.session_store.get(device.curve25519):
                    missing.setdefault(user, []).append(device.id)
        return missing

    def create_outbound_group_session(self, room_id: str) -> None:
        """Begin a session that lasts as long as the room wants."""
        super().create_outbound_group_session(room_id)
        rotation = self.rotations.get(room_id, Rotation())
        outbound = self.outbound_group_sessions[room_id]
        outbound.max_messages, outbound.max_age = rotation.messages, rotation.age

    def retire(self, room: str, *, shared_history: bool) -> None:
        """End the room's session if another audience than now was to be given it later."""
        outbound = self.outbound_group_sessions.get(room)
        if outbound and self._outbound_shared.get(outbound.id, shared_history) != shared_history:
            del self.outbound_group_sessions[room]

    def plan_shares(
        self, room: str, users: list[str], *, shared_history: bool
    ) -> tuple[list[Share], list[Json]]:
        """Encrypt the room's key for all devices that may have it and don't yet.

        Args:
            shared_history: whether people invited later may be given the key.

        Returns:
            Bodies of to-device requests, and bodies that say to the others why they get nothing.
        """
        if room not in self.outbound_group_sessions or self.outbound_group_sessions[room].shared:
            self.create_outbound_group_session(room)
        outbound = self.outbound_group_sessions[room]
        content = {
            "algorithm": MEGOLM,
            "room_id": room,
            "session_id": outbound.id,
            "session_key": outbound.session_key,
            "m.shared_history": shared_history,
        }
        self._outbound_shared[outbound.id] = shared_history
        if shared_history:
            self.crypto.mark([(room, outbound.id)], shared=True)
        bodies: list[tuple[OlmDevice, Json]] = []
        withheld: list[tuple[OlmDevice, Json]] = []
        for device in self._others(users):
            who = (device.user_id, device.id)
            session = self.session_store.get(device.curve25519)
            if who in outbound.users_shared_with:
                continue
            if self.is_device_blacklisted(device) or session is None:
                outbound.users_ignored.add(who)
                code = "m.unverified" if session else "m.no_olm"
                withheld.append((device, self._withheld(room, outbound.id, code)))
            else:
                bodies.append((device, self._olm_encrypt(session, device, "m.room_key", content)))
        shares = [
            ({(device.user_id, device.id) for device, _ in part}, _to_device(part)) for part in _parts(bodies)
        ]
        return shares, [_to_device(part) for part in _parts(withheld)]

    def encrypt_for(self, devices: list[OlmDevice], kind: str, content: Json) -> dict[str, Json]:
        """Encrypt one message for each device of one user that we have an Olm session with, by device id."""
        sessions = [(device, self.session_store.get(device.curve25519)) for device in devices]
        return {
            device.id: self._olm_encrypt(session, device, kind, content)
            for device, session in sessions
            if session is not None
        }

    def _others(self, users: list[str]) -> Iterator[OlmDevice]:
        for user in users:
            for device in list(self.device_store.active_user_devices(user)):
                if not self.is_own(device):
                    yield device

    def _withheld(self, room: str, session: str, code: str) -> Json:
        content = {"algorithm": MEGOLM, "code": code, "sender_key": self.account.identity_keys["curve25519"]}
        if code == "m.no_olm":
            return content
        reason = "the device is not signed by its owner"
        return {**content, "room_id": room, "session_id": session, "reason": reason}

    def _olm_encrypt(
        self, session: Session, recipient_device: OlmDevice, message_type: str, content: Json
    ) -> Json:
        payload = {
            "sender": self.user_id,
            "sender_device": self.device_id,
            "keys": {"ed25519": self.account.identity_keys["ed25519"]},
            "recipient": recipient_device.user_id,
            "recipient_keys": {"ed25519": recipient_device.ed25519},
            "type": message_type,
            "content": content,
            "sender_device_keys": self.device_keys(),
        }
        kind, text = session.encrypt(Api.to_json(payload)).to_parts()
        self.store.save_session(recipient_device.curve25519, session)
        return {
            "algorithm": self._olm_algorithm,
            "sender_key": self.account.identity_keys["curve25519"],
            "ciphertext": {recipient_device.curve25519: {"type": kind, "body": b64(text)}},
        }

    # ── what comes ───────────────────────────────────────────────────────────────────────────────

    def handle_to_device_event(self, event: Any) -> Any:
        """Decrypt one event; a malformed one is dropped, and must not stop the sync that brought it."""
        try:
            if event.source.get("type") == WITHHELD:
                self._on_withheld(event.sender, event.source["content"])
                return None
            return super().handle_to_device_event(event)
        except _HOSTILE as error:
            log.warning("dropped a malformed to-device event (%s)", type(error).__name__)
            return None

    def _on_withheld(self, sender: str, content: Json) -> None:
        """Keep why we get no key; where there is no Olm session, make one (nio: once an hour, with ``m.dummy``)."""
        code = content["code"]
        if code == "m.no_olm":
            self._mark_device_for_unwedging(sender, content["sender_key"])
        elif code in WITHHELD_CODES:
            self.crypto.save_withheld(str(content["room_id"]), str(content["session_id"]), code)

    def handle_key_verification(self, event: Any) -> None:
        """Leave verification to ``verification``: nio's own is broken and would answer in parallel (B9)."""

    def _handle_olm_event(self, sender: str, sender_key: str, payload: dict[Any, Any]) -> Any:
        if not self._is_consistent(sender, sender_key, payload):
            log.warning("dropped an Olm message whose keys are not its sender's")
            return None
        handler = self.secret_handlers.get(payload["type"])
        if handler is not None:
            handler(sender, sender_key, payload["content"])
            return None
        event = super()._handle_olm_event(sender, sender_key, payload)
        if payload["type"] == "m.room_key" and event is not None:
            content = payload["content"]
            if content.get("m.shared_history") is True:
                self.crypto.mark([(content["room_id"], content["session_id"])], shared=True)
        return event

    def _is_consistent(self, sender: str, sender_key: str, payload: Mapping[str, Any]) -> bool:
        """Check the signing key that a payload claims against the device's, and the device keys it carries (B8)."""
        claimed = payload["keys"].get("ed25519")
        device = self.device_store.device_from_sender_key(sender, sender_key)
        if device is None:
            self.users_for_key_query.add(sender)
        elif device.ed25519 != claimed:
            return False
        carried = payload.get("sender_device_keys")
        if carried is None:
            return True
        name = carried.get("device_id")
        keys = carried.get("keys", {})
        return bool(
            carried.get("user_id") == sender
            and keys.get(f"ed25519:{name}") == claimed
            and keys.get(f"curve25519:{name}") == sender_key
            and is_signed(carried, sender, f"ed25519:{name}", claimed)
        )

    def create_group_session(
        self, sender_key: str, sender_fp_key: str, room_id: str, session_id: str, session_key: str
    ) -> None:
        """Take a room key from its device; it never replaces another device's, and vouches for an imported one."""
        made = InboundGroupSession(session_key, sender_fp_key, sender_key, room_id)
        known = self._by_id.get(session_id)
        if made.id != session_id:
            raise ValueError("a room key under the name of another session")
        if known is None:
            self._keep(made)
            return
        if (known.room_id, known.id) not in self.imported:
            return
        same_owner = (known.sender_key, known.ed25519, known.room_id) == (sender_key, sender_fp_key, room_id)
        if not (same_owner and made.first_known_index >= known.first_known_index and is_same(known, made)):
            self.crypto.forget_session(session_id)
            self.inbound_group_store[known.room_id][known.sender_key].pop(session_id, None)
            self._keep(made)
        self.imported.discard((known.room_id, known.id))
        self.crypto.authenticate(known.room_id, known.id)

    def take(self, key: RoomKey) -> bool:
        """Take an imported room key; of one that we have, only what opens older messages of the same session.

        Raises:
            ValueError: it is malformed.
        """
        made = key.open()
        known = self._by_id.get(made.id)
        if known is not None:
            same_owner = (known.sender_key, known.ed25519, known.room_id) == (
                made.sender_key,
                made.ed25519,
                made.room_id,
            )
            if (
                not same_owner
                or made.first_known_index >= known.first_known_index
                or not is_same(known, made)
            ):
                return False
        else:
            self.imported.add((key.room, key.session))
            self.crypto.mark([(key.room, key.session)], imported=True, shared=key.shared_history)
        self._keep(made)
        return True

    def _keep(self, session: InboundGroupSession) -> None:
        self._by_id[session.id] = session
        self.inbound_group_store.add(session)
        self.save_inbound_group_session(session)

    def decrypt_megolm_event(self, event: MegolmEvent, room_id: str | None = None) -> Event:
        """Decrypt a message whose session is its sender's (B7).

        Raises:
            EncryptionError: no key, a replay, or another person's session.
        """
        self._name_device(event, room_id or event.room_id)
        try:
            opened = super().decrypt_megolm_event(event, room_id)
        except EncryptionError:
            raise
        except _HOSTILE as error:
            raise EncryptionError("a malformed message") from error
        if self.verdict(event, room_id) is Verdict.MISMATCHED:
            log.warning(
                "a message in %s is not of whom it says it is", sanitise_name(room_id or event.room_id)
            )
            raise EncryptionError("the session belongs to somebody else than the sender")
        return opened

    def _name_device(self, event: MegolmEvent, room: str) -> None:
        """Put in whose session it is: what the message itself says of that is not to be believed."""
        session = self.session(room, event.session_id or "")
        if session is not None:
            event.sender_key = session.sender_key
            device = self.device_store.device_from_sender_key(event.sender, session.sender_key)
            event.device_id = device.id if device else event.device_id

    def verdict(self, event: Any, room_id: str | None = None) -> Verdict:
        """Judge the sender of an event, encrypted or decrypted; unknown where there is no key."""
        session = self.session(room_id or event.room_id, event.session_id)
        if session is None:
            return Verdict.UNKNOWN
        return self.judge(event.sender, session)

    def judge(self, sender: str, session: InboundGroupSession) -> Verdict:
        """Judge whether a session is a sender's."""
        return self.trust.verdict(
            sender,
            session,
            self.device_store,
            own_key=self.account.identity_keys["curve25519"],
            imported=lambda room, name: (room, name) in self.imported,
        )


def _parts(items: list[tuple[OlmDevice, Json]]) -> Iterator[list[tuple[OlmDevice, Json]]]:
    for start in range(0, len(items), DEVICES_AT_ONCE):
        yield items[start : start + DEVICES_AT_ONCE]


def _to_device(items: list[tuple[OlmDevice, Json]]) -> Json:
    messages: dict[str, Json] = {}
    for device, content in items:
        messages.setdefault(device.user_id, {})[device.id] = content
    return {"messages": messages}

"""Room keys among our own devices: given to verified ones that ask, taken from verified ones that we asked."""

from abc import abstractmethod
from typing import Any

from nio.crypto import InboundGroupSession, Olm, OutgoingKeyRequest
from nio.events import ForwardedRoomKeyEvent

from fallback.matrix.crypto.canonical import Json
from fallback.matrix.crypto.roomkeys import MEGOLM, RoomKey


class Forwarding(Olm):
    """The part of a machine that forwards room keys; nio's would take them past what knows sessions by id."""

    @abstractmethod
    def session(self, room: str, name: str) -> InboundGroupSession | None:
        """Give a session by its name."""

    @abstractmethod
    def take(self, key: RoomKey) -> bool:
        """Take an imported room key."""

    def share_with_ourselves(self, event: Any) -> None:
        """Answer one request of another verified device of ours; it need not say whose the session is."""
        if event.requesting_device_id == self.device_id:
            return
        found = self.session(event.room_id, event.session_id)
        event.sender_key = found.sender_key if found else event.sender_key
        super().share_with_ourselves(event)

    def collect_key_requests(self) -> list[Any]:
        """Answer what a sync asked; there is nothing to tell a person of."""
        super().collect_key_requests()
        return []

    def answer_again(self) -> None:
        """Answer what waited for news of our devices or for an Olm session; who is not verified gets nothing."""
        self.received_key_requests.update(self.key_request_from_untrusted)
        self.key_request_from_untrusted.clear()
        self.collect_key_requests()
        self.key_request_from_untrusted.clear()

    def _handle_forwarded_room_key_event(self, sender: str, sender_key: str, payload: Json) -> None:
        event = ForwardedRoomKeyEvent.from_dict(payload, sender, sender_key)
        if not isinstance(event, ForwardedRoomKeyEvent):
            return
        if not self._should_accept_forward(sender, sender_key, event):
            return
        content = payload["content"]
        chain = (*content["forwarding_curve25519_key_chain"], sender_key)
        claimed = {"ed25519": content["sender_claimed_ed25519_key"]}
        whole = {**content, "sender_claimed_keys": claimed, "forwarding_curve25519_key_chain": chain}
        self.take(RoomKey.read(whole))
        request = self.outgoing_key_requests.pop(event.session_id)
        self.store.remove_outgoing_key_request(request)
        self.outgoing_to_device_messages.append(request.as_cancellation(self.user_id, self.device_id))

    def ask_for(self, room: str, session: str, sender_key: str) -> Json:
        """Remember that a key is asked for; gives the request."""
        request = OutgoingKeyRequest(session, session, room, MEGOLM)
        self.outgoing_key_requests[session] = request
        self.store.add_outgoing_key_request(request)
        body = {"algorithm": MEGOLM, "room_id": room, "sender_key": sender_key, "session_id": session}
        return {
            "action": "request",
            "request_id": session,
            "requesting_device_id": self.device_id,
            "body": body,
        }

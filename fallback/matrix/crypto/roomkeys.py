"""A room key (an inbound Megolm session) as backups, key files and bundles carry it."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec
import vodozemac
from nio.crypto import InboundGroupSession

from fallback.matrix.crypto.canonical import Json

MEGOLM = "m.megolm.v1.aes-sha2"


class RoomKey(msgspec.Struct, frozen=True):
    """One session, exported at its first known index; ``session_key`` is a secret.

    Args:
        sender_key: Curve25519 key of the device that made the session, as was claimed.
        ed25519: that device's signing key, as was claimed.
        shared_history: whether it may be passed on to people invited later.
    """

    room: str
    session: str
    sender_key: str
    ed25519: str
    session_key: str
    chain: tuple[str, ...] = ()
    shared_history: bool = False

    @classmethod
    def of(cls, session: InboundGroupSession, *, shared_history: bool = False) -> Self:
        """Export a session of nio's."""
        return cls(
            room=session.room_id,
            session=session.id,
            sender_key=session.sender_key,
            ed25519=session.ed25519,
            session_key=session.export_session(session.first_known_index),
            chain=tuple(session.forwarding_chain),
            shared_history=shared_history,
        )

    @classmethod
    def read(cls, value: Mapping[str, Any], room: str = "", session: str = "") -> Self:
        """Read the common JSON form.

        Args:
            room, session: where the form does not carry them itself.

        Raises:
            ValueError: it is malformed, or of an unknown algorithm.
        """
        try:
            if value["algorithm"] != MEGOLM:
                raise ValueError("a room key of an unknown algorithm")
            fields = {
                "room": room or value["room_id"],
                "session": session or value["session_id"],
                "sender_key": value["sender_key"],
                "ed25519": value["sender_claimed_keys"]["ed25519"],
                "session_key": value["session_key"],
                "chain": value.get("forwarding_curve25519_key_chain", []),
                "shared_history": bool(value.get("m.shared_history", value.get(_OLD_NAME, False))),
            }
            return msgspec.convert(fields, cls)
        except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
            raise ValueError("a malformed room key") from error

    def write(self) -> Json:
        """Write the common JSON form; of the two names of ``shared_history`` only one may be sent."""
        return {
            "algorithm": MEGOLM,
            "room_id": self.room,
            "session_id": self.session,
            "sender_key": self.sender_key,
            "sender_claimed_keys": {"ed25519": self.ed25519},
            "forwarding_curve25519_key_chain": list(self.chain),
            "session_key": self.session_key,
            "m.shared_history": self.shared_history,
        }

    def open(self) -> InboundGroupSession:
        """Make nio's session of it.

        Raises:
            ValueError: the key is damaged, or not that of the session it is said to be.
        """
        made = InboundGroupSession.import_session(
            self.session_key, self.ed25519, self.sender_key, self.room, list(self.chain)
        )
        if made.id != self.session:
            raise ValueError("a room key under the name of another session")
        return made

    @property
    def first_index(self) -> int:
        """Give the index of the first message that it opens."""
        exported = vodozemac.ExportedSessionKey(self.session_key)
        return int(vodozemac.InboundGroupSession.import_session(exported).first_known_index)


def is_same(one: InboundGroupSession, other: InboundGroupSession) -> bool:
    """Tell whether two sessions are one ratchet, known from different indexes on."""
    index = max(one.first_known_index, other.first_known_index)
    return bool(one.export_session(index) == other.export_session(index))


_OLD_NAME = "org.matrix.msc3061.shared_history"

"""Messages whose key has not come: kept until it does, with what the sender's device says about why."""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import vodozemac
from nio.events import Event, MegolmEvent
from nio.exceptions import EncryptionError

from fallback.matrix.crypto.olm import GuardedOlm
from fallback.matrix.crypto.roomkeys import MEGOLM
from fallback.matrix.crypto.store import CryptoStore
from fallback.text import sanitise_name

log = logging.getLogger(__name__)
LAST = 2**31 - 1
"""After every index of a session; the store has it for messages that were put aside before it kept indexes."""


class Keys(Protocol):
    """What a client has for opening messages."""

    refused: int

    def refuse(self, room: str) -> None:
        """Count a refused message."""
        ...

    @property
    def machine(self) -> GuardedOlm:
        """Give the Olm machine."""
        ...

    @property
    def crypto(self) -> CryptoStore:
        """Give the store."""
        ...


class Waiting:
    """The part of a client that waits for keys.

    Attributes:
        refused: messages since the start that were replays, or not of whom they said.
    """

    refused = 0

    def put_aside(self: Keys, event: MegolmEvent) -> bool:
        """Keep a message until its key comes; returns whether it waits.

        One that we have the key of is no such message: it is a replay, or not of whom it says it is.
        """
        room, session = event.room_id, event.session_id
        if not room or not session:
            return False
        if not _lacks_key(self.machine, event):
            self.refuse(room)
            return False
        position = _position(event)
        dropped = self.crypto.put_aside(room, event.event_id, session, json.dumps(event.source), position)
        if dropped:
            log.warning("%d messages in %s no longer wait for their key", dropped, sanitise_name(room))
        return True

    def opened(self: Keys, limit: int = 500) -> Iterator[tuple[str, Event]]:
        """Decrypt waiting messages whose key has come since, one by one, oldest first.

        They stay until ``forget_opened``; what is refused goes.

        Args:
            limit: how many at most.
        """
        for room, name, source in self.crypto.waiting(self.machine.first_index, limit):
            event = MegolmEvent.from_dict({**fill_in(json.loads(source)), "room_id": room})
            if isinstance(event, MegolmEvent) and _lacks_key(self.machine, event):
                self.crypto.place(name, _position(event))
                continue
            opened = _decrypted(self.machine, event)
            if opened is None:
                self.refuse(room)
                self.crypto.forget_waiting([name])
            else:
                yield room, opened

    def refuse(self: Keys, room: str) -> None:
        """Count a message that is a replay, or not of whom it says it is."""
        log.warning("a message in %s is refused though its key is here", sanitise_name(room))
        self.refused += 1

    def forget_opened(self: Keys, ids: Iterable[str]) -> None:
        """Remove messages by event id: they are in the timeline now."""
        self.crypto.forget_waiting(ids)

    def waiting_count(self: Keys, room: str = "") -> int:
        """Count the messages that wait, of one room or all."""
        return self.crypto.waiting_count(room)

    def withheld(self: Keys, room: str, session: str) -> str:
        """Give the code by which a key was refused to us, as ``m.unverified``; empty where it was not."""
        return "" if self.machine.has(room, session) else self.crypto.withheld(room, session)


def fill_in(value: Any) -> Any:
    """Add what nio demands of Megolm events and the specification no longer does, anywhere in an answer."""
    match value:
        case {"type": "m.room.encrypted", "content": {"algorithm": str(name)} as content} if name == MEGOLM:
            return {**value, "content": {"sender_key": "", "device_id": "", **content}}
        case dict():
            return {key: fill_in(part) for key, part in value.items()}
        case list():
            return [fill_in(part) for part in value]
        case _:
            return value


def _lacks_key(machine: GuardedOlm, event: MegolmEvent) -> bool:
    known = machine.first_index(event.room_id, event.session_id or "")
    return known is None or _position(event) < known


def _decrypted(machine: GuardedOlm, event: object) -> Event | None:
    try:
        return machine.decrypt_megolm_event(event) if isinstance(event, MegolmEvent) else None
    except EncryptionError:
        return None


def _position(event: MegolmEvent) -> int:
    """Give a message's index in its session; a malformed one is after all of them."""
    try:
        return int(vodozemac.MegolmMessage.from_base64(event.ciphertext).message_index())
    except (ValueError, vodozemac.DecodeException):
        return LAST

"""Messages whose key has not come: kept until it does, with what the sender's device says about why."""

import json
import logging
from collections.abc import Iterable
from typing import Any, Protocol

import vodozemac
from nio.events import Event, MegolmEvent
from nio.exceptions import EncryptionError

from fallback.matrix.crypto.olm import GuardedOlm
from fallback.matrix.crypto.roomkeys import MEGOLM
from fallback.matrix.crypto.store import CryptoStore
from fallback.text import sanitise_name

log = logging.getLogger(__name__)


class Keys(Protocol):
    """What a client has for opening messages."""

    @property
    def machine(self) -> GuardedOlm:
        """Give the Olm machine."""
        ...

    @property
    def crypto(self) -> CryptoStore:
        """Give the store."""
        ...


class Waiting:
    """The part of a client that waits for keys."""

    def put_aside(self: Keys, event: MegolmEvent) -> bool:
        """Keep a message until its key comes; returns whether it waits.

        One that we have the key of is no such message: it is a replay, or not of whom it says it is.
        """
        room, session = event.room_id, event.session_id
        if not room or not session:
            return False
        if not _lacks_key(self.machine, event):
            log.warning("a message in %s is refused though its key is here", sanitise_name(room))
            return False
        dropped = self.crypto.put_aside(room, event.event_id, session, json.dumps(event.source))
        if dropped:
            log.warning("%d messages in %s no longer wait for their key", dropped, sanitise_name(room))
        return True

    def opened(self: Keys, limit: int = 200) -> list[tuple[str, Event]]:
        """Decrypt waiting messages whose key has come since, oldest first; they stay until ``forget_opened``.

        Args:
            limit: how many at most, so that a caller with a screen can draw between two calls.
        """
        found: list[tuple[str, Event]] = []
        refused: list[str] = []
        for room, name, source in self.crypto.waiting(self.machine.has):
            if len(found) == limit:
                break
            event = MegolmEvent.from_dict({**fill_in(json.loads(source)), "room_id": room})
            if not isinstance(event, MegolmEvent):
                refused.append(name)
            elif not _lacks_key(self.machine, event):
                try:
                    found.append((room, self.machine.decrypt_megolm_event(event)))
                except EncryptionError:
                    refused.append(name)
        if refused:
            log.warning("%d messages that waited for their key are refused", len(refused))
            self.crypto.forget_waiting(refused)
        return found

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
    session = machine.session(event.room_id, event.session_id or "")
    if session is None:
        return True
    try:
        index = vodozemac.MegolmMessage.from_base64(event.ciphertext).message_index()
    except (ValueError, vodozemac.DecodeException):
        return False
    return bool(index < session.first_known_index)

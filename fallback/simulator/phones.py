"""Scripted phones: people of a group who go on talking, react and answer, on whatever clock they are given."""

from collections.abc import Sequence
from typing import Any

import msgspec

from fallback.clock import SystemClock
from fallback.core.events import Canonical, Identity, Message, Reaction
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import Clock
from fallback.networks.loopback import LoopbackNetwork


class Line(msgspec.Struct, frozen=True):
    """One thing that a person does.

    Args:
        after: seconds since the line before.
        who: the person's name in the group.
        text: what they write; a single emoji with ``react`` is a reaction to the newest message.
    """

    after: float
    who: str
    text: str
    react: bool = False


class Phones:
    """All phones of one group.

    Args:
        people: the group's members; a line's ``who`` is one of their names.
        clock: of the pauses; dates are the machine's own.
    """

    def __init__(
        self, network: LoopbackNetwork, chat: ChatId, people: Sequence[Identity], clock: Clock
    ) -> None:
        self.network = network
        self.chat = chat
        self.people = {identity.name: identity for identity in people}
        self.clock = clock
        self.dates = SystemClock()
        self.said: list[Canonical] = []

    async def play(self, script: Sequence[Line]) -> None:
        """Follow a script to its end."""
        for line in script:
            await self.clock.sleep(line.after)
            self.say(line)

    def say(self, line: Line) -> Canonical:
        """Do one line now."""
        number = len(self.said)
        base: dict[str, Any] = {
            "id": SourceId(f"PHONE{self.dates.now():014d}{number:04d}"),
            "chat": self.chat,
            "sender": self.people[line.who],
            "at": self.dates.now(),
        }
        newest = next((one.id for one in reversed(self.network.shown) if isinstance(one, Message)), None)
        event: Canonical = Message(**base, text=line.text)
        if line.react and newest:
            event = Reaction(**base, target=newest, key=line.text)
        self.said.append(event)
        self.network.post(event)
        return event

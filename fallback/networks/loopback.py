"""A chat network in memory, for tests, examples and the demo: groups, phones, a truth log and outages.

It keeps the promises of a real one: what a connector did not acknowledge comes again, message ids are chosen by
the sender, and what a phone writes while the network is cut goes out late, in order, with its own time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
from msgspec.structs import replace

from fallback.core.events import Canonical, Event, Group, GroupChange, Membership, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import Capabilities, ConnectorState
from fallback.errors import PermanentError, TransientError

NAME = "loopback"


class Listener(Protocol):
    """Whoever the network shows its events to.

    Args:
        echoes: its own too.
    """

    @property
    def echoes(self) -> bool: ...  # noqa: D102 - its name says it

    def offer(self, event: Canonical) -> None:
        """Take one event."""
        ...


class LoopbackNetwork:
    """The servers of the network: what every phone of a group sees.

    Attributes:
        shown: the truth log: events in the order in which the group's phones show them.
    """

    def __init__(self) -> None:
        self.groups: dict[ChatId, Group] = {}
        self.files: dict[str, bytes] = {}
        self.shown: list[Canonical] = []
        self.connectors: list[Listener] = []
        self.waiting: deque[Canonical] = deque()
        self.is_cut = False

    def found(self, group: Group) -> None:
        """Add a group."""
        self.groups[group.chat] = group

    def post(self, event: Canonical) -> None:
        """Let a phone say something; while the network is cut it waits on the phone."""
        if self.is_cut:
            self.waiting.append(event)
            return
        self._show(event)

    def cut(self) -> None:
        """Begin an outage: nothing comes, nothing goes."""
        self.is_cut = True

    def restore(self) -> None:
        """End the outage; what waited on the phones goes out now, marked late."""
        self.is_cut = False
        while self.waiting:
            event = self.waiting.popleft()
            self._show(replace(event, late=True))

    def _show(self, event: Canonical, *, by: Listener | None = None) -> None:
        self.shown.append(event)
        for connector in self.connectors:
            if connector is not by or connector.echoes:
                connector.offer(event)

    def take(self, event: Canonical, by: Listener) -> None:
        """Take what a connector says; a second one with the same id changes nothing."""
        if event.chat not in self.groups:
            raise PermanentError("there is no such group on this network")
        if all((one.id, one.chat) != (event.id, event.chat) for one in self.shown):
            self._show(event, by=by)


class Offered(msgspec.Struct):
    """An event on its way to a connector's owner."""

    event: Canonical
    queue: "deque[Canonical]"

    async def ack(self) -> None:
        """Forget it: its owner has it safe."""
        if self.queue and self.queue[0] is self.event:
            self.queue.popleft()


class LoopbackConnector:
    """A linked device of the network.

    Args:
        echoes: it is shown its own messages too, as some networks do.
    """

    def __init__(self, network: LoopbackNetwork, *, name: str = NAME, echoes: bool = False) -> None:
        self.network = network
        self.name = name
        self.echoes = echoes
        self.capabilities = Capabilities(fixed_ids=True, edit_within=15 * 60, revoke_within=48 * 3600)
        self.queue: deque[Canonical] = deque()
        self.bell = asyncio.Event()
        self.closed = False
        self.trouble: ConnectorState | None = None
        network.connectors.append(self)

    @property
    def state(self) -> ConnectorState:
        """Disconnected during an outage; ``trouble`` stands for those of the account."""
        if self.trouble is not None:
            return self.trouble
        return ConnectorState.DISCONNECTED if self.network.is_cut or self.closed else ConnectorState.CONNECTED

    def offer(self, event: Canonical) -> None:
        """Queue an event for the owner until it is acknowledged."""
        self.queue.append(event)
        self.bell.set()

    async def start(self) -> None:
        """Connect."""
        self.closed = False

    async def close(self) -> None:
        """Disconnect; what is not acknowledged is kept."""
        self.closed = True
        self.bell.set()

    async def events(self) -> AsyncIterator[Offered]:
        """Give what is queued, the oldest first."""
        while not self.closed:
            while self.queue and not self.closed:
                yield Offered(self.queue[0], self.queue)
                if self.queue:
                    await asyncio.sleep(0)
            self.bell.clear()
            if not self.queue:
                await self.bell.wait()

    async def send(self, event: Canonical, *, message_id: SourceId) -> SourceId:
        """Show an event to the group under the id that the sender chose."""
        if self.state is not ConnectorState.CONNECTED:
            raise TransientError(f"{self.name} is {self.state.value}")
        self.network.take(replace(event, id=message_id, origin=Origin.WHATSAPP), self)
        return message_id

    async def group(self, chat: ChatId) -> Group:
        """Describe a group."""
        if chat not in self.network.groups:
            raise PermanentError("there is no such group on this network")
        return self.network.groups[chat]

    async def download(self, event: Event, source: str) -> bytes:
        """Give an attachment's bytes."""
        if source not in self.network.files:
            raise PermanentError("the file is gone")
        return self.network.files[source]


def texts(network: LoopbackNetwork, chat: ChatId) -> list[str]:
    """List what a group's phones show as text, for reports and tests."""
    return [
        event.text
        for event in network.shown
        if event.chat == chat and isinstance(event, Message | Membership | GroupChange)
    ]

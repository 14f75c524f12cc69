"""Play the story on a stage: talk, outage, the switch, the return; and count what arrived where."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fallback.bridge.account import AccountLoops
from fallback.core.announce import MARK
from fallback.core.events import Canonical, Message, Notice, Origin, Reaction
from fallback.core.health import State
from fallback.core.ids import DeliveryId, SourceId
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal, TimelineRow
from fallback.core.routing import MATRIX
from fallback.demo import script
from fallback.demo.stage import Stage
from fallback.demo.weather import Weather
from fallback.errors import FallbackError
from fallback.relay.daemon import Relay

PATIENCE = 120.0
"""Seconds of the machine's clock that any one scene may take."""


class Step(msgspec.Struct, frozen=True):
    """One scene's count: what was said and what arrived."""

    name: str
    expected: int
    arrived: int

    @property
    def agrees(self) -> bool:
        """Tell whether all of it arrived, once."""
        return self.expected == self.arrived


class Report(msgspec.Struct, frozen=True):
    """The headless demo's result."""

    steps: tuple[Step, ...]
    room: str
    states: tuple[str, ...]
    agrees: bool


class Play:
    """The scripted story.

    Args:
        tell: takes a line of narration.
    """

    def __init__(self, stage: Stage, relay: Relay, weather: Weather, tell: Callable[[str], None]) -> None:
        self.stage = stage
        self.relay = relay
        self.weather = weather
        self.tell = tell
        self.steps: list[Step] = []
        self.states: list[str] = []
        self.written: list[str] = []

    async def run(self) -> Report:
        """Play all scenes with a scripted member in place of the terminal client."""
        stage = self.stage
        check = stage.check
        self._step("migrated", check.expected, check.found - check.differences)
        client = AccountLoops(stage.member_side, stage.member_store, stage.clock, told=_quiet, online=_quiet)
        async with asyncio.TaskGroup() as loops:
            running = [loops.create_task(self.relay.run()), loops.create_task(client.run())]
            await self._history(client)
            await self._talk(client)
            await self._outage(client)
            await self._return()
            for task in running:
                task.cancel()
        return Report(
            tuple(self.steps), stage.portal.room, tuple(self.states), all(s.agrees for s in self.steps)
        )

    async def _history(self, client: AccountLoops) -> None:
        """See the imported history in the member's own store."""
        self.tell("the member opens the room")
        await self._until(
            lambda: self._relayed(Origin.EXPORT), self.stage.check.expected, "member sees history"
        )

    async def _talk(self, client: AccountLoops) -> None:
        """Talk both ways while all is well."""
        self.tell("the phones go on talking")
        lines = script.before(self.stage.talkers)
        await self.stage.phones.play(lines)
        await self._until(lambda: self._relayed(Origin.WHATSAPP), len(lines), "WhatsApp to Matrix")
        await self.say(script.FIRST)
        client.outbox.ring()
        await self._until(self._shown_on_phones, 1, "Matrix to WhatsApp")

    async def _outage(self, client: AccountLoops) -> None:
        """Cut the network; the team goes on in the room."""
        self.tell("outage: Meta goes dark")
        self.weather.storm()
        await self._state(State.DOWN)
        await self._until(lambda: self._announced("down"), 1, "the room is told")
        for text in script.MEMBER:
            await self.say(text)
            client.outbox.ring()
        await self._until(
            lambda: self.stage.relay_store.pending(self.stage.connector.name),
            len(script.MEMBER),
            "waiting for WhatsApp",
        )
        await self.stage.phones.play(script.during(self.stage.talkers))

    async def _return(self) -> None:
        """Bring the network back: one digest there, the late messages here."""
        stage = self.stage
        self.tell("the outage ends")
        before = len(stage.network.shown)
        late = len(stage.network.waiting)
        self.weather.clear()
        await self._state(State.UP)
        await self._until(self._digests, 1, "one digest to WhatsApp")
        await self._until(lambda: self._announced("works again"), 1, "the room is told of the return")
        lines = script.after(stage.talkers)
        await stage.phones.play(lines)
        spoken = len(stage.phones.said)
        await self._until(
            lambda: self._relayed(Origin.WHATSAPP), spoken, "every phone message in the room, once"
        )
        await self._until(lambda: self.stage.relay_store.pending(), 0, "nothing is left waiting")
        self._step(
            "shown on the phones since the return", late + 1 + len(lines), len(stage.network.shown) - before
        )

    # ── acting and counting ──────────────────────────────────────────────────────────────────────

    async def say(self, text: str) -> None:
        """Write as the member, through the outbox."""
        await write(self.stage, text)
        self.written.append(text)

    async def _rows(self) -> list[TimelineRow]:
        portal = await self._member_portal()
        return await self.stage.member_store.timeline(portal.id, limit=5000) if portal else []

    async def _member_portal(self) -> Portal | None:
        room = self.stage.portal.room
        return next((one for one in await self.stage.member_store.portals() if one.room == room), None)

    async def _relayed(self, origin: Origin) -> int:
        return sum(row.event.relayed is origin for row in await self._rows())

    async def _announced(self, word: str) -> int:
        return sum(isinstance(row.event, Notice) and word in row.event.text for row in await self._rows())

    async def _shown_on_phones(self) -> int:
        return sum(isinstance(one, Message) and script.FIRST in one.text for one in self.stage.network.shown)

    async def _digests(self) -> int:
        return sum(isinstance(one, Message) and one.text.startswith("📋") for one in self.stage.network.shown)

    async def _state(self, wanted: State) -> None:
        async def there() -> int:
            return int(self.relay.switch.health.state is wanted)

        await self._until(there, 1, f"the detector says {wanted.value}")
        self.states.append(wanted.value)
        self.tell(f"the detector says {wanted.value}: {self.relay.switch.health.why}")

    async def _until(self, count: Callable[[], Awaitable[int]], expected: int, name: str) -> None:
        """Wait until a count is as expected, and stays when it is looked at again."""
        try:
            async with asyncio.timeout(PATIENCE):
                while await count() < expected or (expected == 0 and await count() > 0):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self._step(name, expected, await count())
            raise FallbackError(f"the demo waited in vain: {name}, {await count()} of {expected}") from None
        self._step(name, expected, await count())

    def _step(self, name: str, expected: int, arrived: int) -> None:
        self.steps.append(Step(name, expected, arrived))
        self.tell(f"{name}: {arrived} of {expected}")


async def write(stage: Stage, text: str) -> None:
    """Record what the member writes with its delivery, as the client does."""
    number = await stage.member_store.get("written") or "0"
    await stage.member_store.put("written", str(int(number) + 1))
    transaction = DeliveryId(f"demo-{stage.clock.now()}-{number}")
    portal = next(one for one in await stage.member_store.portals() if one.room == stage.portal.room)
    event: Canonical = Message(
        id=SourceId(transaction),
        chat=portal.chat,
        sender=msgspec.structs.replace(_me(stage)),
        at=stage.clock.now(),
        origin=Origin.MATRIX,
        text=text,
    )
    delivery = Delivery(id=transaction, portal=portal.id, target=MATRIX, event=event)
    await stage.member_store.record(portal.id, event, [delivery])


def _me(stage: Stage) -> Any:
    from fallback.core.events import Identity

    return Identity(mxid=stage.member_side.user, name="You", me=True)


async def _quiet(_: object) -> None:
    """Listen to nothing."""

"""Play the story on a stage: talk, outage, the switch, the return; and count what arrived where."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from fallback.bridge.account import AccountLoops
from fallback.clock import SystemClock
from fallback.core.events import Message, Notice, Origin
from fallback.core.health import State
from fallback.core.ports import Portal, TimelineRow
from fallback.demo import script
from fallback.demo.stage import Stage
from fallback.demo.weather import Weather, fair
from fallback.errors import FallbackError
from fallback.relay.daemon import Relay
from fallback.tui.session import StoreSession

PATIENCE = 120.0
"""Seconds of the machine's clock that any one scene may take."""

LOOK = 3.0
"""Seconds of the story between two looks at a count."""


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
        self.client = AccountLoops(
            stage.member_side, stage.member_store, SystemClock(), told=_quiet, online=_quiet
        )
        self.session = StoreSession(
            stage.member_store,
            SystemClock(),
            stage.member_side.user,
            name="You",
            ring=self.client.outbox.ring,
        )
        self.first = self.told_from = self.shown_from = 0
        self.steps: list[Step] = []
        self.states: list[str] = []

    async def run(self) -> Report:
        """Play all scenes with a scripted member in place of the terminal client."""
        stage = self.stage
        check = stage.check
        self._step("migrated", check.expected, check.found - check.differences)
        async with asyncio.TaskGroup() as loops:
            running = [loops.create_task(self.relay.run()), loops.create_task(self.client.run())]
            await self._history()
            await self._talk()
            await self._outage()
            await self._return()
            for task in running:
                task.cancel()
        return Report(
            tuple(self.steps), stage.portal.room, tuple(self.states), all(s.agrees for s in self.steps)
        )

    async def _history(self) -> None:
        """See the imported history in the member's own store."""
        self.tell("the member opens the room")
        await self._until(self._imported, self.stage.check.expected, "the member sees the history")
        self.first = await self._last_row()

    async def _talk(self) -> None:
        """Talk both ways while all is well."""
        self.tell("the phones go on talking")
        lines = script.before(self.stage.talkers)
        await self.stage.phones.play(lines)
        await self._until(self._mirrored, len(lines), "WhatsApp to Matrix")
        await self.say(script.FIRST)
        await self._until(self._shown_on_phones, 1, "Matrix to WhatsApp")

    async def _outage(self) -> None:
        """Cut the network; the team goes on in the room."""
        self.tell("outage: Meta goes dark")
        self.told_from, self.shown_from = await self._last_row(), len(self.stage.network.shown)
        await self.weather.storm()
        await self._state(State.DOWN)
        await self._until(lambda: self._announced("down"), 1, "the room is told")
        for text in script.MEMBER:
            await self.say(text)
        await self._until(self._held, len(script.MEMBER), "waiting for WhatsApp")
        await self.stage.phones.play(script.during(self.stage.talkers))

    async def _return(self) -> None:
        """Bring the network back: one digest there, the late messages here."""
        stage = self.stage
        self.tell("the outage ends")
        before = len(stage.network.shown)
        late = len(stage.network.waiting)
        await self.weather.clear()
        await self._state(State.UP)
        await self._until(self._digests, 1, "one digest to WhatsApp")
        await self._until(lambda: self._announced("works again"), 1, "the room is told of the return")
        lines = script.after(stage.talkers)
        await stage.phones.play(lines)
        spoken = len(stage.phones.said)
        await self._until(self._mirrored, spoken, "every phone message in the room, once")
        await self._until(self._left, 0, "nothing is left waiting")
        shown = stage.network.shown[before:]
        tried = sum(isinstance(one, Message) and _held(one.text) for one in shown)
        self._step("went out on trial", min(tried, 1), tried)
        self._step("shown on the phones since the return", late + tried + 1 + len(lines), len(shown))

    # ── acting and counting ──────────────────────────────────────────────────────────────────────

    async def say(self, text: str) -> None:
        """Write as the member, through the outbox."""
        portal = await self._member_portal()
        if portal is None:
            raise FallbackError("the member is not in the room")
        await self.session.send(portal.id, text)

    async def _member_portal(self) -> Portal | None:
        return await self.stage.member_store.portal(self.stage.portal.room)

    async def _rows(self, after: int) -> list[TimelineRow]:
        portal = await self._member_portal()
        rows = await self.stage.member_store.timeline(portal.id, limit=5000) if portal else []
        return [row for row in rows if row.row > after]

    async def _last_row(self) -> int:
        rows = await self._rows(0)
        return rows[-1].row if rows else 0

    async def _imported(self) -> int:
        return sum(row.event.relayed is Origin.EXPORT for row in await self._rows(0))

    async def _mirrored(self) -> int:
        return sum(row.event.relayed is Origin.WHATSAPP for row in await self._rows(self.first))

    async def _announced(self, word: str) -> int:
        rows = await self._rows(self.told_from)
        return sum(isinstance(row.event, Notice) and word in row.event.text for row in rows)

    async def _held(self) -> int:
        return await self.stage.relay_store.pending(self.stage.connector.name)

    async def _left(self) -> int:
        return await self.stage.relay_store.pending() + await self.stage.member_store.pending()

    async def _shown_on_phones(self) -> int:
        return sum(isinstance(one, Message) and script.FIRST in one.text for one in self.stage.network.shown)

    async def _digests(self) -> int:
        shown = self.stage.network.shown[self.shown_from :]
        return sum(isinstance(one, Message) and one.text.startswith("📋") for one in shown)

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
                    await self.stage.clock.sleep(LOOK)
        except TimeoutError:
            self._step(name, expected, await count())
            raise FallbackError(f"the demo waited in vain: {name}, {await count()} of {expected}") from None
        self._step(name, expected, await count())

    def _step(self, name: str, expected: int, arrived: int) -> None:
        self.steps.append(Step(name, expected, arrived))
        self.tell(f"{name}: {arrived} of {expected}")


@contextlib.asynccontextmanager
async def relay_on(stage: Stage) -> AsyncIterator[tuple[Relay, Weather]]:
    """Make a relay on the stage, its probes looking at fair weather; it is not running yet."""
    async with fair(stage.network, stage.clock, stage.server.url) as weather:
        yield (
            Relay(
                stage.connector,
                stage.relay_side,
                stage.relay_store,
                SystemClock(),
                server_name=stage.server.server_name,
                probes=weather.probes,
                watching=stage.clock,
            ),
            weather,
        )


def _held(text: str) -> bool:
    """Tell whether a text on the phones is one that waited in the room; the digest quotes them, and is none."""
    return not text.startswith("📋") and any(text.endswith(said) for said in script.MEMBER)


async def _quiet(_: object) -> None:
    """Listen to nothing."""

"""The demo with the terminal client open: the story goes on beside it, and F9 moves the weather."""

import asyncio

from msgspec.structs import replace

from fallback import compose
from fallback.clock import SystemClock
from fallback.core.events import Identity
from fallback.core.health import State
from fallback.core.signs import Side
from fallback.demo import script
from fallback.demo.play import relay_on
from fallback.demo.stage import Stage
from fallback.demo.weather import Weather
from fallback.locale import tr
from fallback.paths import Profile
from fallback.relay.daemon import Relay
from fallback.store.media import MemoryMedia
from fallback.tui.live import Live
from fallback.tui.session import Action

CALM = 600.0
"""Seconds of the story before the outage begins by itself."""
STORM = 900.0
"""Seconds of the story until it ends by itself, from the switch on."""


class Story:
    """What happens around the client; ``turn`` hurries the next change of weather."""

    def __init__(self, stage: Stage, relay: Relay, weather: Weather) -> None:
        self.stage = stage
        self.relay = relay
        self.weather = weather
        self._turned = asyncio.Event()

    async def turn(self) -> None:
        """Begin the outage, or end it."""
        self._turned.set()

    async def run(self) -> None:
        """Let people talk, lose the network, and find it again."""
        phones, people = self.stage.phones, self.stage.talkers
        await phones.play(script.before(people))
        await self._wait(CALM)
        await self.weather.storm()
        await phones.play(script.during(people))
        await self._until(State.DOWN)
        await self._wait(STORM)
        await self.weather.clear()
        await self._until(State.UP)
        await phones.play(script.after(people))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds / self.stage.clock.speed):
                await self._turned.wait()
        except TimeoutError:
            return
        finally:
            self._turned.clear()

    async def _until(self, state: State) -> None:
        while self.relay.watch.health.state is not state:
            await self.stage.clock.sleep(5.0)


async def watch(stage: Stage, profile: Profile, language: str | None) -> None:
    """Open the client on the stage until the person leaves it."""
    interface = compose.settings(profile).interface
    if language == "ar" or language == "en":  # noqa: PLR1714 - narrows the type
        interface = replace(interface, language=language)
        await stage.member_store.put("tui.language", language)
    me = Identity(mxid=stage.member_side.user, name="You", me=True)
    async with relay_on(stage) as (relay, weather):
        story = Story(stage, relay, weather)

        def actions() -> list[Action]:
            return [("f9", tr("end the outage") if weather.stormy else tr("begin the outage"), story.turn)]

        async def side() -> Side:
            return stage.member_side

        live = Live(stage.member_store, SystemClock(), me, side, actions=actions, media=MemoryMedia())
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(relay.run()), group.create_task(story.run())]
            try:
                await live.run(interface)
            finally:
                for task in beside:
                    task.cancel()

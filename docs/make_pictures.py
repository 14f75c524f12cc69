"""Make the pictures of the client: python docs/make_pictures.py (the real application, run without a terminal).

It writes SVG; where ``rsvg-convert`` is installed (Debian: librsvg2-bin), PNG as well, which shows Arabic everywhere.
"""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from fallback.clock import SystemClock
from fallback.config import Interface
from fallback.core import announce
from fallback.core.events import Identity, Message, Notice, Origin
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId, UserId
from fallback.core.ports import Portal
from fallback.demo import script
from fallback.demo.stage import TIMEZONE, example
from fallback.networks.whatsapp.export import read_export
from fallback.store.memory import MemoryStore
from fallback.tui.app import ClientApp
from fallback.tui.session import StoreSession
from fallback.tui.views import PersonView, Presence

HERE = Path(__file__).parent / "pictures"
ROOM = RoomId("!room")
ME = Identity(mxid="@you:fallback.local", name="You", me=True)
RELAY = Identity(mxid="@fallback:fallback.local", name="fallback")
OUTAGE = 1_633_362_060_000
DOWN = Health(OUTAGE / 1000, State.DOWN, Cause.META_OUTAGE, "no resolver finds WhatsApp's names")


async def story() -> tuple[MemoryStore, list[PersonView]]:
    """Fill a store with the end of the example's history and the first minutes of the outage."""
    store = MemoryStore()
    portal = Portal(id=PortalId(ROOM), chat=ChatId(ROOM), room=ROOM, name="غرفة الأخبار")
    await store.save_portal(portal)
    export = read_export(example(), timezone=TIMEZONE)
    for event in list(export.events)[-60:]:
        told = {"chat": portal.chat, "origin": Origin.MATRIX, "relayed": Origin.EXPORT}
        await store.record(portal.id, replace(event, **told, sender=replace(event.sender, me=False)))
    base = {"chat": portal.chat, "origin": Origin.MATRIX}
    gone = Notice(
        **base, id=SourceId("$gone"), sender=RELAY, at=OUTAGE, text=announce.gone(DOWN), topic=announce.GONE
    )
    await store.record(portal.id, gone)
    people = [one for one in export.group.members if one.name or one.phone]
    for number, text in enumerate(script.MEMBER):
        who = ME if number % 2 == 0 else replace(people[number], mxid=f"@p{number}:fallback.local")
        said = Message(
            **base, id=SourceId(f"$m{number}"), sender=who, at=OUTAGE + 60_000 * (number + 1), text=text
        )
        await store.record(portal.id, said)
    views = [
        PersonView(
            name=one.name or one.phone, presence=Presence.HERE if n < 8 else Presence.MISSING, reached=n < 8
        )
        for n, one in enumerate(people)
    ]
    return store, [PersonView(name="You", me=True, presence=Presence.HERE, reached=True), *views]


async def picture(
    language: str, name: str, *, keys: tuple[str, ...] = (), size: tuple[int, int] = (104, 30)
) -> None:
    """Run the client, press keys and save what it shows."""
    store, people = await story()

    async def roster(_: Portal) -> list[PersonView]:
        return people

    session = StoreSession(store, SystemClock(), UserId(ME.mxid), name="You", roster=roster)
    app = ClientApp(session, Interface(language=language, rtl="terminal"))  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        session.on_health(DOWN)
        session.on_reached(9, 12)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        await asyncio.to_thread(save, name, app.export_screenshot(title="fallback"))


def save(name: str, svg: str) -> None:
    """Write a picture."""
    HERE.mkdir(exist_ok=True)
    drawn = HERE / f"{name}.svg"
    drawn.write_text(svg, "utf-8")
    if converter := shutil.which("rsvg-convert"):
        subprocess.run([converter, "-w", "1100", "-o", drawn.with_suffix(".png"), drawn], check=True)
        drawn.unlink()


async def main() -> None:
    """Make all of them."""
    await picture("ar", "client-ar", keys=("f2",))
    await picture("en", "client-en", keys=("f2",))
    await picture("ar", "client-phone", size=(48, 30))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

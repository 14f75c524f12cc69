"""A small newsroom in memory for the client's tests, and as a program to look at: ``python -m tests.tui.fakes``."""

import asyncio
from datetime import UTC

from fallback.clock import VirtualClock
from fallback.core.events import (
    Attachment,
    Edit,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Redaction,
)
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Retry, Sent, Wedge
from fallback.core.ports import Portal
from fallback.store.memory import MemoryStore
from fallback.tui.app import ClientApp
from fallback.tui.session import StoreSession
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode
from fallback.tui.views import PersonView, Presence

ME = UserId("@laila:test")
NOW = 1_633_362_000_000  # 4 October 2021 15:40 UTC
MINUTE = 60_000
NEWS, CLINIC = PortalId("news"), PortalId("clinic")
OMAR = Identity(name="عمر الحسن", phone="+962790000001", mxid="@wa_962790000001:test")
SARA = Identity(name="Sara Haddad", phone="+962790000002", mxid="@wa_962790000002:test")
LAILA = Identity(name="ليلى", mxid=ME)


def message(number, sender, text, *, at=0, origin=Origin.EXPORT, chat="news", **more):
    return Message(
        id=SourceId(f"m{number}"), chat=ChatId(f"!{chat}"), sender=sender, at=NOW + at * MINUTE,
        origin=origin, text=text, **more,
    )  # fmt: skip


def newsroom():
    """What the newsroom said, in order."""
    chat = ChatId("!news")
    export, matrix = Origin.EXPORT, Origin.MATRIX
    poll = Poll("متى الاجتماع؟", (PollOption("الآن", 4), PollOption("16:30", 1), PollOption("Tomorrow", 0)))
    photo = Attachment(MediaKind.IMAGE, "IMG-20211004-WA0007.jpg", source="a", size=245_760)
    voice = Attachment(
        MediaKind.VOICE, "PTT-20211004-WA0009.opus", source="b", size=30_000, duration_ms=14_000
    )
    return [
        Membership(
            id=SourceId("s1"), chat=chat, sender=OMAR, at=NOW - 2000 * MINUTE, origin=export,
            change=MembershipChange.ADDED, members=(SARA, LAILA),
        ),
        message(1, OMAR, "صباح الخير يا فريق، هل وصلتكم مسودة *الخبر العاجل*؟", at=-1995),
        message(2, SARA, "Good morning! Reading it now, two comments:\n1. the headline\n2. the quote in paragraph 3", at=-1990),
        message(3, SARA, "https://example.com/draft?id=42", at=-1989),
        message(4, OMAR, "ممتاز، شكراً", at=-60, reply_to=SourceId("m2")),
        message(5, OMAR, "من الميدان", at=-58, attachment=photo),
        message(6, SARA, "", at=-57, attachment=voice),
        message(7, OMAR, "", at=-50, poll=poll),
        message(8, SARA, "I think _everyone_ should see this ~today~ now", at=-45),
        Edit(id=SourceId("e1"), chat=chat, sender=SARA, at=NOW - 44 * MINUTE, origin=export, target=SourceId("m8"), text="I think _everyone_ should see this now"),
        Reaction(id=SourceId("r1"), chat=chat, sender=OMAR, at=NOW - 43 * MINUTE, origin=export, target=SourceId("m8"), key="👍"),
        message(9, OMAR, "x", at=-42),
        Redaction(id=SourceId("d1"), chat=chat, sender=OMAR, at=NOW - 41 * MINUTE, origin=export, target=SourceId("m9")),
        Notice(id=SourceId("n1"), chat=chat, at=NOW - 6 * MINUTE, origin=matrix, text="🔴 *WhatsApp is down. The team is here.*\n🔴 *واتساب متوقف، والفريق هنا.*", topic="outage"),
        message(10, LAILA, "أنا هنا. خبر العاجل جاهز للنشر: توقف عالمي لخدمات Meta (فيسبوك، واتساب).", at=-5, origin=matrix),
        message(11, SARA, "Headline: *Facebook, WhatsApp and Instagram down worldwide*", at=-4, origin=matrix),
        message(12, OMAR, "👍🏽👨‍👩‍👧 من يراجع الترجمة؟", at=-3, origin=matrix, reply_to=SourceId("m11")),
    ]  # fmt: skip


async def store(events=None):
    kept = MemoryStore()
    await kept.save_portal(
        Portal(id=NEWS, chat=ChatId("!news"), room=RoomId("!news"), name="غرفة الأخبار Newsroom")
    )
    await kept.save_portal(
        Portal(id=CLINIC, chat=ChatId("!clinic"), room=RoomId("!clinic"), name="Clinic night shift")
    )
    for event in newsroom() if events is None else events:
        await kept.record(NEWS, event)
    if events is None:
        await kept.record(CLINIC, message(1, SARA, "Who covers Friday?", at=-500, chat="clinic"))
    return kept


async def roster(_portal):
    return [
        PersonView(name="ليلى", contact=ME, presence=Presence.HERE, admin=True, me=True),
        PersonView(name=OMAR.name, contact=OMAR.phone, presence=Presence.HERE),
        PersonView(name=SARA.name, contact=SARA.phone, presence=Presence.INVITED),
        PersonView(name="Khaled", contact="+962790000004", presence=Presence.MISSING),
    ]


async def session(events=None, **more):
    """A session whose network is the test itself."""
    return StoreSession(await store(events), VirtualClock(NOW), ME, name="ليلى", roster=roster, **more)


async def deliver(one, outcome=None):
    """Settle what waits, as the outbox does."""
    for delivery in await one.store.lease("matrix", owner="test", now=NOW * 2, seconds=60, limit=100):
        result = outcome or Sent(SourceId(f"${delivery.id}"))
        assert isinstance(result, Sent | Retry | Wedge)
        await one.store.settle(delivery, result, now=NOW)
        one.on_timeline(delivery.portal)


def app(one, *, mode=Mode.OFF, language="en", theme="textual-dark"):
    from fallback.config import Interface

    setting = Setting(mode, zone=UTC, now=lambda: NOW)
    return ClientApp(one, Interface(language=language, theme=theme), setting=setting, environment={})


async def main():
    import sys

    language, mode = [*sys.argv[1:], *("en", "app")[len(sys.argv) - 1 :]]
    one = await session()
    down = False

    async def outage():
        nonlocal down
        down = not down
        one.on_reached(9, 14)
        one.on_health(Health(at=NOW / 1000, state=State.DOWN if down else State.UP))

    one.extra_actions = lambda: [("f9", "stop outage" if down else "start outage", outage)]
    one.on_health(Health(state=State.UP))

    async def network():
        while True:
            await asyncio.sleep(2)
            await deliver(one)

    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(network())
        await app(one, mode=Mode(mode), language=language).run_async()
        loop.cancel()


if __name__ == "__main__":
    asyncio.run(main())

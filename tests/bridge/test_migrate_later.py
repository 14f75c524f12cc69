"""Later exports of a group, polls, files read back, and a person who wants to stop."""

import pytest
from msgspec.structs import replace

from fallback.bridge.migrate import Migration
from fallback.core.contact_match import decided
from fallback.core.contacts import Contact
from fallback.core.events import (
    Attachment,
    Group,
    GroupChange,
    Identity,
    MediaKind,
    Message,
    Origin,
    Poll,
    PollOption,
    Setting,
)
from fallback.core.ids import ChatId, SourceId, UserId
from fallback.core.migration import plan
from fallback.errors import InterruptedWorkError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

SARA, OMAR = (Identity(name=name) for name in ("Sara", "Omar"))
GROUP = Group(chat=ChatId("c1"), name="Newsroom", members=(SARA, OMAR), admins=(SARA,))
BASE = {"chat": GROUP.chat, "origin": Origin.EXPORT}


class Files:
    def read(self, name):
        return f"bytes of {name}".encode()


def said(numbers, **fields):
    return [
        Message(
            **BASE | fields, id=SourceId(f"e{n}"), at=n * 10, sender=(SARA, OMAR)[n % 2], text=f"text {n}"
        )
        for n in numbers
    ]


class Scene:
    def __init__(self):
        self.server, self.store = MemoryServer(), MemoryStore()
        self.said = []

    def migration(self, events, group=GROUP, **fields):
        made = fields.pop("plan", None) or plan(group, events, server_name=self.server.name)
        side = MemoryHomeserver(self.server, "fallback")
        return Migration(made, side, self.store, server_name=self.server.name, say=self.said.append, **fields)

    async def bring(self, events, group=GROUP, **fields):
        return await self.migration(events, group).run(events, Files(), **fields)

    def room(self, portal):
        return self.server.rooms[portal.room]

    def timeline(self, portal):
        return [event for _, _, event in self.room(portal).timeline]


async def test_what_a_later_export_fills_is_at_the_end_and_marked_late():
    scene, whole = Scene(), said(range(6))
    await scene.bring([one for one in whole if one.id not in ("e1", "e3")])
    portal = await scene.bring(whole)
    assert [(one.id, one.late) for one in scene.timeline(portal)][-2:] == [("e1", True), ("e3", True)]
    found = await scene.migration(whole).check(portal, whole)
    assert (found.differences, found.found, found.late) == (0, 6, 2)


async def test_what_is_only_new_is_not_late():
    scene = Scene()
    await scene.bring(said(range(4)))
    portal = await scene.bring(said(range(8)))
    assert not any(one.late for one in scene.timeline(portal))
    assert len(scene.timeline(portal)) == 8


async def test_an_older_export_that_shares_nothing_is_late():
    scene = Scene()
    await scene.bring(said(range(5, 9)))
    portal = await scene.bring(said(range(3)))
    assert [one.late for one in scene.timeline(portal)] == [False] * 4 + [True] * 3


def asked(**fields):
    poll = Poll("When?", (PollOption("Today", 2), PollOption("Tomorrow")), 1)
    return Message(**BASE, id=SourceId("poll"), at=5, sender=SARA, poll=poll, **fields)


async def test_a_poll_ends_right_after_it_began_with_its_votes():
    scene, events = Scene(), [*said([0]), asked(), *said([1, 2])]
    portal = await scene.bring(events)
    assert [one.id for one in scene.timeline(portal)] == ["e0", "poll", "poll/end", "e1", "e2"]
    assert "Today 2" in scene.timeline(portal)[2].text
    assert (await scene.migration(events).check(portal, events)).differences == 0
    await scene.bring(events)
    assert len(scene.timeline(portal)) == 5


async def test_a_poll_whose_end_is_missing_is_ended_by_the_next_run():
    scene, events = Scene(), [*said([0]), asked()]
    portal = await scene.bring(events)
    room = scene.room(portal)
    room.timeline = room.timeline[:-1]
    scene.server.transactions.clear()
    journal = await scene.store.imported(portal.id)
    scene.store = MemoryStore()
    await scene.store.save_portal(portal)
    await scene.store.save_imported(portal.id, [pair for pair in journal.items() if pair[0] != "poll/end"])
    await scene.bring(events)
    assert [one.id for one in scene.timeline(portal)] == ["e0", "poll", "poll/end"]


async def test_files_are_compared_byte_by_byte():
    file = Attachment(kind=MediaKind.IMAGE, filename="a.jpg", source="a.jpg")
    events = [
        Message(**BASE, id=SourceId(f"f{n}"), at=n, sender=SARA, attachment=replace(file, source=f"{n}.jpg"))
        for n in range(4)
    ]
    scene = Scene()
    portal = await scene.bring(events)
    run = scene.migration(events)
    whole = await run.check(portal, events, media=Files(), most=10)
    assert (whole.differences, whole.files_seen) == (0, 4)
    scene.server.files[f"mxc://{scene.server.name}/2"] = b"another file"
    assert (await run.check(portal, events, media=Files(), most=10)).files == ("f2",)
    assert (await run.check(portal, events, media=Files(), most=2)).files_seen == 2


async def test_who_wants_to_stop_waits_for_the_chain_in_flight_and_the_next_run_goes_on():
    scene, events = Scene(), said(range(900))
    run = scene.migration(events)

    def stop(step, done, total):
        run.stopping = run.stopping or (step == "messages" and done == 150)

    run.progress = stop
    with pytest.raises(InterruptedWorkError, match="stopped"):
        await run.run(events, Files())
    (room,) = scene.server.rooms.values()
    assert len(room.timeline) == len(await scene.store.imported(run.plan.portal)) == 200
    portal = await scene.bring(events)
    assert (await scene.migration(events).check(portal, events)).differences == 0


async def test_the_room_is_as_the_group_is():
    group = replace(GROUP, announce_only=True, disappearing=7 * 86_400, description="News, all day")
    pin = GroupChange(**BASE, id=SourceId("pin"), at=50, setting=Setting.PIN, value="e1")
    scene, events = Scene(), [*said(range(3)), pin]
    made = plan(group, events, server_name=scene.server.name)
    sara = decided(made.people[0], Contact(name="Sara", mxids=("@sara:x.org",)), "you said so")
    made = replace(made, people=(sara, *made.people[1:]))
    run = scene.migration(events, plan=made)
    portal = await run.run(events, Files(), picture=(b"a picture", "image/png"))
    room = scene.room(portal)
    assert room.spec.topic.startswith(
        "News, all day\nIn WhatsApp messages disappear after 7 d; here they stay."
    )
    assert room.spec.announce_only
    assert scene.server.files[room.furnishing.picture] == b"a picture"
    assert [event.id for event in scene.timeline(portal)][1] == "e1"
    assert room.furnishing.pinned == (room.timeline[1][1],)
    assert room.furnishing.powers["@sara:x.org"] == 100
    assert room.furnishing.powers[run.ghost(SARA)] == 50


async def test_a_picture_is_stored_once():
    scene, events = Scene(), said(range(2))
    portal = await scene.bring(events, picture=(b"a picture", "image/png"))
    first = scene.room(portal).furnishing.picture
    await scene.bring(events, picture=(b"a picture", "image/png"))
    assert scene.room(portal).furnishing.picture == first
    assert len(scene.server.files) == 1


async def test_a_renamed_group_renames_its_room_and_its_portal():
    scene, events = Scene(), said(range(2))
    await scene.bring(events)
    portal = await scene.bring(events, replace(GROUP, name="News"))
    assert scene.room(portal).spec.name == "News"
    assert portal.name == "News"


async def test_what_the_relay_brought_is_not_brought_again():
    scene, whole = Scene(), said(range(6))
    portal = await scene.bring(whole[:4])
    for event in whole[4:]:
        online = replace(event, id=SourceId(f"w{event.id}"), origin=Origin.WHATSAPP, at=event.at + 30_000)
        await scene.store.record(portal.id, online)
    later = [*whole, *said([6])]
    await scene.bring(later)
    assert [one.id for one in scene.timeline(portal)] == ["e0", "e1", "e2", "e3", "e6"]
    assert (await scene.migration(later).check(portal, later)).differences == 0


async def test_a_mention_is_of_the_account_until_that_is_in_the_room():
    scene = Scene()
    events = [Message(**BASE, id=SourceId("m0"), sender=OMAR, text="@Sara?", mentions=(SARA, OMAR))]
    made = plan(GROUP, events, server_name=scene.server.name)
    account = f"@sara:{scene.server.name}"
    sara = decided(made.people[0], Contact(name="Sara", mxids=(account,)), "you said so")
    made = replace(made, people=(sara, *made.people[1:]))
    run = scene.migration(events, plan=made)
    portal = await run.run(events, Files())
    mentioned = [one.mxid for one in scene.timeline(portal)[0].mentions]
    assert mentioned == [account, run.ghost(OMAR)]
    scene.room(portal).members[UserId(account)] = "Sara"
    events += [replace(events[0], id=SourceId("m1"))]
    await scene.migration(events, plan=replace(made, events=2)).run(events, Files())
    assert scene.timeline(portal)[1].mentions[0].mxid == run.ghost(SARA)


async def test_where_only_admins_may_speak_what_others_said_still_comes_in():
    group, scene = replace(GROUP, announce_only=True), Scene()
    portal = await scene.bring(said(range(2)), group)
    run = scene.migration(said(range(2)), group)
    assert run.ghost(OMAR) not in scene.room(portal).furnishing.powers
    await scene.bring(said(range(4)), group)
    assert scene.room(portal).furnishing.powers[run.ghost(OMAR)] == 50
    assert scene.room(portal).spec.announce_only

"""A session over a store alone: it reads and writes with every network down."""

import asyncio

import pytest
from msgspec.structs import replace

from fallback.core.contacts import Contact
from fallback.core.events import Identity, Origin, Reaction
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, ContactId, SourceId
from fallback.core.outbox import Wedge
from fallback.tui.messages import BannerChanged, GroupsChanged, TimelineChanged
from fallback.tui.views import BannerKind
from tests.tui.fakes import CLINIC, LAILA, ME, NEWS, NOW, OMAR, SARA, deliver, message, session


@pytest.fixture
async def one():
    return await session()


async def newest(one, portal=NEWS):
    return (await one.timeline(portal))[-1]


async def test_a_message_is_in_the_timeline_at_once_and_waits(one):
    await one.send(NEWS, "سلام")
    row = await newest(one)
    assert (row.event.text, row.state, row.event.sender.mxid) == ("سلام", "pending", ME)
    assert (await one.banner()).waiting == 1


async def test_the_delivery_is_the_same_after_a_failed_try(one):
    await one.send(NEWS, "x")
    first = (await newest(one)).delivery
    await deliver(one, Wedge("refused"))
    row = await newest(one)
    assert (row.delivery, row.state, row.error) == (first, "wedged", "refused")
    await one.retry(first)
    await deliver(one)
    assert (await newest(one)).state == "sent"


async def test_hostile_text_is_made_safe_before_it_is_kept(one):
    await one.send(NEWS, "a\x1b]0;x\x07b")
    assert (await newest(one)).event.text == "a]0;xb"


async def test_an_answer_points_at_the_row_whatever_its_id_over_there(one):
    await one.send(NEWS, "mine")
    mine = (await newest(one)).event.id
    await deliver(one)
    there = await one.store.counterpart(NEWS, mine, "matrix")
    thumb = Reaction(
        id=SourceId("$r"), chat=ChatId("!news"), sender=SARA, origin=Origin.MATRIX, target=there, key="👍"
    )
    await one.store.record(NEWS, thumb)
    assert (await newest(one)).event.target == mine


async def test_groups_stand_newest_first_and_count_what_was_not_seen(one):
    assert [group.portal for group in await one.groups()] == [NEWS, CLINIC]
    row = (await newest(one)).row
    await one.mark_read(NEWS, row)
    assert (await one.groups())[0].unread == 0
    hail = replace(message(90, SARA, "@ليلى", origin=Origin.MATRIX), mentions=(Identity(mxid=ME),))
    await one.store.record(NEWS, hail)
    await one.store.record(NEWS, message(91, OMAR, "second", origin=Origin.MATRIX))
    await one.store.record(NEWS, message(92, LAILA, "own", origin=Origin.MATRIX))
    group = (await one.groups())[0]
    assert (group.unread, group.mentions, group.last) == (2, 1, "own")


async def test_our_own_connection_goes_before_whatsapps_state(one):
    one.on_health(Health(state=State.DOWN))
    assert (await one.banner()).kind is BannerKind.DOWN
    one.on_online(8.2)
    view = await one.banner()
    assert (view.kind, view.seconds) == (BannerKind.RECONNECTING, 8)
    one.on_online(None)
    assert (await one.banner()).kind is BannerKind.DOWN


async def test_search_finds_a_word_however_it_is_spelled(one):
    hits = await one.search("اخبار") or await one.search("خبر")
    assert hits
    assert hits[0].group.startswith("غرفة")


async def test_everybody_who_listens_is_told(one):
    heard = []

    async def listen():
        async for change in one.changes():
            heard.append(change)
            if len(heard) == 3:
                return

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen())
        await asyncio.sleep(0)
        await one.send(NEWS, "x")
    assert heard == [TimelineChanged(NEWS), GroupsChanged(), BannerChanged()]


async def test_facts_of_the_client_are_kept_in_the_store(one):
    await one.put("language", "ar")
    assert await one.get("language") == "ar"
    assert await one.get("nothing") == ""
    assert NOW


async def test_people_have_the_names_of_ones_own_contacts_in_the_timeline_and_the_list():
    one = await session()
    await one.store.save_contact(Contact(id=ContactId("c"), name="Abu Ali", phones=(OMAR.phone,)))
    rows = await one.timeline(NEWS)
    assert {row.event.sender.name for row in rows if row.event.sender.phone == OMAR.phone} == {"Abu Ali"}
    assert {row.event.sender.phone for row in rows} >= {OMAR.phone, SARA.phone}
    group = next(group for group in await one.groups() if group.portal == NEWS)
    assert group.last_sender == "Abu Ali"

"""What every store promises (core.ports.Store)."""

import asyncio

import pytest

from fallback.core.events import (
    Edit,
    Identity,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Redaction,
)
from fallback.core.health import Cause, Health
from fallback.core.health import State as Weather
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery, Dropped, Retry, Sent, State, Wedge, back_off
from fallback.core.ports import Portal
from fallback.errors import StoreError

NEWS = PortalId("news")
NOW = 1_700_000_000_000


def said(name, text="hello", *, origin=Origin.WHATSAPP, at=NOW, chat="group"):
    return Message(
        id=SourceId(name), chat=ChatId(chat), sender=Identity(name="Huda"), at=at, origin=origin, text=text
    )


def delivery(name, event, target="matrix", portal=NEWS, **rest):
    return Delivery(id=DeliveryId(name), portal=portal, target=target, event=event, **rest)


async def queue(store, *names, target="matrix", portal=NEWS):
    for name in names:
        event = said(f"{portal}-{name}")
        assert await store.record(portal, event, [delivery(name, event, target, portal)])


async def lease(store, target="matrix", *, now=NOW, seconds=60.0, limit=1, owner="me"):
    return await store.lease(target, owner=owner, now=now, seconds=seconds, limit=limit)


async def send_all(store, target="matrix", *, now=NOW):
    """Send what is due; the remote id is the delivery's with a mark before it."""
    sent = []
    while due := await lease(store, target, now=now, limit=16):
        for one in due:
            await store.settle(one, Sent(SourceId(f"${one.id}")), now=now)
            sent.append(one.id)
    return sent


class TestPortals:
    async def test_are_listed_oldest_first(self, store):
        for name in ("b", "a", "c"):
            await store.save_portal(Portal(PortalId(name), ChatId(name), RoomId(f"!{name}")))
        assert [one.id for one in await store.portals()] == ["b", "a", "c"]

    async def test_a_second_save_replaces_at_the_same_place(self, store):
        first = Portal(PortalId("a"), ChatId("a"), RoomId("!a"))
        await store.save_portal(first)
        await store.save_portal(Portal(PortalId("b"), ChatId("b"), RoomId("!b")))
        changed = Portal(PortalId("a"), ChatId("a"), RoomId("!a2"), name="أخبار", sending=True, ghosts=False)
        await store.save_portal(changed)
        assert (await store.portals())[0] == changed
        assert len(await store.portals()) == 2

    async def test_one_is_found_by_its_id_its_room_or_its_chat(self, store):
        one = Portal(PortalId("a"), ChatId("group"), RoomId("!room"))
        assert await store.portal(one.id) is None
        await store.save_portal(one)
        assert [await store.portal(name) for name in ("a", "!room", "group")] == [one] * 3
        moved = Portal(PortalId("a"), ChatId("group"), RoomId("!other"))
        await store.save_portal(moved)
        assert await store.portal(RoomId("!room")) is None
        assert await store.portal(RoomId("!other")) == moved

    async def test_an_id_comes_before_a_room_and_a_room_before_a_chat(self, store):
        first = Portal(PortalId("a"), ChatId("c"), RoomId("b"))
        second = Portal(PortalId("b"), ChatId("x"), RoomId("c"))
        for one in (first, second):
            await store.save_portal(one)
        assert [await store.portal(name) for name in ("a", "b", "c")] == [first, second, second]


class TestRecord:
    async def test_gives_growing_rows_and_the_event_back(self, store):
        event = said("a", "مرحبا 👋\nline")
        first, second = await store.record(NEWS, event), await store.record(NEWS, said("b"))
        assert 0 < first < second
        (row, _) = await store.timeline(NEWS)
        assert (row.row, row.event, row.portal, row.state) == (first, event, NEWS, "")

    async def test_a_known_id_gives_zero_and_queues_nothing(self, store):
        event = said("a")
        await store.record(NEWS, event, [delivery("d1", event)])
        assert await store.record(NEWS, said("a", "again"), [delivery("d2", event)]) == 0
        assert await store.pending() == 1
        assert len(await store.timeline(NEWS)) == 1

    async def test_the_same_id_of_another_origin_or_portal_is_another_event(self, store):
        rows = [
            await store.record(NEWS, said("a")),
            await store.record(NEWS, said("a", origin=Origin.MATRIX)),
            await store.record(NEWS, said("a", origin=Origin.EXPORT)),
            await store.record(PortalId("other"), said("a")),
        ]
        assert all(rows)
        assert len(set(rows)) == 4

    async def test_an_alias_is_known_both_ways(self, store):
        await store.record(NEWS, said("a"), aliases=[SourceId("a-lid")])
        assert await store.record(NEWS, said("a-lid")) == 0
        assert await store.record(NEWS, said("b"), aliases=[SourceId("a")]) == 0

    async def test_the_echo_of_a_sent_delivery_is_known(self, store):
        await queue(store, "d1")
        await send_all(store)
        assert await store.record(NEWS, said("$d1", origin=Origin.MATRIX)) == 0

    async def test_a_second_routing_gives_the_same_delivery(self, store):
        event = said("a")
        await store.record(NEWS, event, [delivery("d1", event)])
        await store.record(NEWS, said("b"), [delivery("d1", event)])
        assert await send_all(store) == ["d1"]

    async def test_replaced_deliveries_are_dropped_with_it(self, store):
        await queue(store, "d1", "d2", target="whatsapp")
        digest = said("digest", origin=Origin.MATRIX)
        await store.record(
            NEWS, digest, [delivery("d3", digest, "whatsapp")], replaces=["d1", "d2", "unknown"]
        )
        assert await send_all(store, "whatsapp") == ["d3"]
        assert [one.state for one in await store.timeline(NEWS)] == ["dropped", "dropped", "sent"]

    async def test_what_is_sent_already_is_not_replaced(self, store):
        await queue(store, "d1")
        await send_all(store)
        await store.record(NEWS, said("digest"), replaces=[DeliveryId("d1")])
        assert (await store.timeline(NEWS))[0].state == "sent"

    async def test_many_at_once_all_arrive_in_order_once(self, store):
        events = [said(f"m{number}") for number in range(200)]
        rows = await asyncio.gather(*(store.record(NEWS, event) for event in [*events, *events]))
        assert rows[:200] == sorted(rows[:200])
        assert rows[200:] == [0] * 200
        assert [one.event.id for one in await store.timeline(NEWS)] == [event.id for event in events]


class TestNames:
    """The id map: a WhatsApp message with a room event, and a room message with a WhatsApp id."""

    @pytest.fixture
    async def both(self, store):
        theirs, ours = said("WA1"), said("$local", origin=Origin.MATRIX, chat="!room")
        await store.record(NEWS, theirs, [delivery("fb1", theirs)], aliases=[SourceId("WA1-lid")])
        await store.record(NEWS, ours, [delivery("fb2", ours, "whatsapp")])
        (one,) = await lease(store)
        await store.settle(one, Sent(SourceId("$ghosted")), now=NOW)
        (two,) = await lease(store, "whatsapp")
        await store.settle(two, Sent(SourceId("WA2")), now=NOW)
        return store

    @pytest.mark.parametrize(
        ("source", "target", "expected"),
        [
            ("WA1", "matrix", "$ghosted"),
            ("WA1-lid", "matrix", "$ghosted"),
            ("$ghosted", "whatsapp", "WA1"),
            ("$ghosted", "loopback", "WA1"),
            ("$ghosted", "matrix", "$ghosted"),
            ("WA1", "whatsapp", "WA1"),
            ("WA1-lid", "whatsapp", "WA1"),
            ("$local", "whatsapp", "WA2"),
            ("WA2", "matrix", "$local"),
            ("$local", "matrix", "$local"),
            ("unknown", "matrix", None),
            ("fb1", "matrix", None),
        ],
    )
    async def test_translate_either_way(self, both, source, target, expected):
        assert await both.counterpart(NEWS, source, target) == expected

    async def test_belong_to_one_portal(self, both):
        assert await both.counterpart(PortalId("other"), SourceId("WA1"), "matrix") is None

    async def test_there_is_none_before_it_is_sent(self, store):
        await queue(store, "d1")
        assert await store.counterpart(NEWS, SourceId("news-d1"), "matrix") is None
        assert await store.counterpart(NEWS, SourceId("news-d1"), "whatsapp") == "news-d1"

    async def test_our_own_words_in_the_room_are_called_as_the_room_calls_them(self, store):
        event = said("outage-1", origin=Origin.MATRIX)
        await store.record(NEWS, event, [delivery("d1", event)])
        assert await store.counterpart(NEWS, SourceId("outage-1"), "matrix") is None
        await send_all(store)
        assert await store.counterpart(NEWS, SourceId("outage-1"), "matrix") == "$d1"
        assert await store.counterpart(NEWS, SourceId("$d1"), "whatsapp") is None

    async def test_an_id_that_both_sides_know_is_read_as_the_other_sides(self, store):
        one, two = said("same"), said("same", origin=Origin.MATRIX)
        await store.record(NEWS, one, [delivery("d1", one)])
        await store.record(NEWS, two, [delivery("d2", two, "whatsapp")])
        await send_all(store)
        await send_all(store, "whatsapp")
        assert await store.counterpart(NEWS, SourceId("same"), "matrix") == "$d1"
        assert await store.counterpart(NEWS, SourceId("same"), "whatsapp") == "$d2"

    async def test_the_translation_survives_an_echo_that_was_faster(self, store):
        event = said("WA1")
        await store.record(NEWS, event, [delivery("d1", event)])
        await store.record(NEWS, said("$d1", origin=Origin.MATRIX))
        await send_all(store)
        assert await store.counterpart(NEWS, SourceId("$d1"), "whatsapp") == "WA1"

    async def test_an_imported_source_gives_its_room_event_alone(self, store):
        await store.save_imported(NEWS, [(SourceId("key"), EventId("$imported"))])
        assert await store.counterpart(NEWS, SourceId("key"), "matrix") == "$imported"
        assert await store.counterpart(NEWS, SourceId("$imported"), "whatsapp") is None

    async def test_a_row_is_found_by_its_name_on_either_side(self, both):
        row = (await both.timeline(NEWS))[0].row
        assert await both.row_of(NEWS, Origin.WHATSAPP, SourceId("WA1")) == row
        assert await both.row_of(NEWS, Origin.MATRIX, SourceId("$ghosted")) == row
        assert await both.row_of(NEWS, Origin.MATRIX, SourceId("WA1")) == 0
        assert await both.row_of(NEWS, Origin.MATRIX, SourceId("unknown")) == 0

    @pytest.mark.parametrize(
        ("remote", "target", "ours"),
        [
            ("$ghosted", "matrix", True),
            ("fb1", "matrix", True),
            ("WA2", "whatsapp", True),
            ("fb2", "whatsapp", True),
            ("fb2", "loopback", True),
            ("WA1", "whatsapp", False),
            ("$local", "matrix", False),
            ("fb2", "matrix", False),
            ("$ghosted", "whatsapp", False),
            ("", "matrix", False),
        ],
    )
    async def test_ours_is_what_we_sent(self, both, remote, target, ours):
        assert await both.is_ours(NEWS, SourceId(remote), target) is ours

    async def test_a_fixed_id_is_ours_before_it_is_sent(self, store):
        await queue(store, "fb1", "fb2", target="whatsapp")
        assert await store.is_ours(NEWS, SourceId("fb1"), "whatsapp")
        assert not await store.is_ours(PortalId("other"), SourceId("fb1"), "whatsapp")
        assert not await store.is_ours(NEWS, SourceId(""), "whatsapp")


class TestLanes:
    async def test_a_delivery_comes_back_whole(self, store):
        event, spoken = said("a"), said("a", "*Huda*: hello", chat="!room")
        given = delivery("d1", spoken, sender=UserId("@wa_1:x"), not_before=5, attempts=2)
        await store.record(NEWS, event, [given])
        (one,) = await lease(store)
        assert one == Delivery(
            DeliveryId("d1"), NEWS, "matrix", spoken, UserId("@wa_1:x"), State.LEASED, 2, 5, token=1
        )

    async def test_are_first_in_first_out(self, store):
        await queue(store, "d1", "d2", "d3")
        assert await send_all(store) == ["d1", "d2", "d3"]
        assert await store.pending() == 0

    async def test_a_leased_head_gives_none(self, store):
        await queue(store, "d1", "d2")
        assert [one.id for one in await lease(store, limit=16)] == ["d1"]
        assert await lease(store, limit=16) == []

    async def test_each_lane_gives_its_head(self, store):
        await queue(store, "a1", "a2", portal=PortalId("a"))
        await queue(store, "b1", portal=PortalId("b"))
        await queue(store, "c1", portal=PortalId("c"))
        await queue(store, "a3", portal=PortalId("a"), target="whatsapp")
        assert [one.id for one in await lease(store, limit=2)] == ["a1", "b1"]
        assert [one.id for one in await lease(store, limit=9)] == ["c1"]
        assert [one.id for one in await lease(store, "whatsapp", limit=9)] == ["a3"]

    async def test_a_lease_is_taken_over_only_after_its_end(self, store):
        await queue(store, "d1")
        (first,) = await lease(store, seconds=10)
        assert await lease(store, now=NOW + 10_000) == []
        (second,) = await lease(store, now=NOW + 10_001, owner="another")
        assert (first.token, second.token) == (1, 2)

    @pytest.mark.parametrize("outcome", [Sent(SourceId("$x")), Retry("no"), Wedge("no"), Dropped("no")])
    async def test_an_outcome_with_an_old_token_is_ignored(self, store, outcome):
        await queue(store, "d1")
        (first,) = await lease(store, seconds=1)
        (second,) = await lease(store, now=NOW + 5000)
        await store.settle(first, outcome, now=NOW)
        assert (await store.timeline(NEWS))[0].state == "leased"
        await store.settle(second, Sent(SourceId("$y")), now=NOW)
        await store.settle(second, outcome, now=NOW)
        assert (await store.timeline(NEWS))[0].state == "sent"
        assert await store.counterpart(NEWS, SourceId("news-d1"), "matrix") == "$y"

    async def test_a_retry_holds_the_lane_for_its_back_off(self, store):
        await queue(store, "d1", "d2")
        (one,) = await lease(store)
        await store.settle(one, Retry("offline"), now=NOW)
        wait = int(back_off(1) * 1000)
        assert await lease(store, now=NOW + wait - 1) == []
        (again,) = await lease(store, now=NOW + wait)
        assert (again.id, again.attempts, again.error) == ("d1", 1, "offline")
        await store.settle(again, Retry("offline"), now=NOW)
        assert (await store.waiting(NEWS, "matrix"))[0].not_before == NOW + back_off(2) * 1000

    async def test_a_retry_obeys_what_the_other_side_asked_for(self, store):
        await queue(store, "d1")
        (one,) = await lease(store)
        await store.settle(one, Retry("429", after=120.0005), now=NOW)
        assert await lease(store, now=NOW + 120_000) == []
        assert await lease(store, now=NOW + 120_001)

    async def test_a_wedge_lets_the_lane_go_on(self, store):
        await queue(store, "d1", "d2")
        (one,) = await lease(store)
        await store.settle(one, Wedge("too large"), now=NOW)
        assert await send_all(store) == ["d2"]
        assert [(one.id, one.error, one.state) for one in await store.wedges()] == [
            ("d1", "too large", State.WEDGED)
        ]
        assert await store.pending() == 1

    async def test_a_retried_wedge_is_back_at_its_place(self, store):
        await queue(store, "d1", "d2")
        (one,) = await lease(store)
        await store.settle(one, Wedge("too large"), now=NOW)
        await store.retry(DeliveryId("d1"))
        assert await send_all(store) == ["d1", "d2"]
        assert await store.wedges() == []

    async def test_a_retried_wedge_waits_for_what_is_in_flight(self, store):
        await queue(store, "d1", "d2")
        (one,) = await lease(store)
        await store.settle(one, Wedge("too large"), now=NOW)
        (two,) = await lease(store)
        await store.retry(DeliveryId("d1"))
        assert await lease(store) == []
        await store.settle(two, Retry("later"), now=NOW)
        assert await send_all(store, now=NOW + 60_000) == ["d1", "d2"]

    async def test_retry_is_harmless_for_what_is_not_wedged(self, store):
        await queue(store, "d1", "d2")
        await send_all(store)
        await store.retry(DeliveryId("d1"))
        assert await store.pending() == 0

    async def test_a_dropped_delivery_is_never_sent(self, store):
        await queue(store, "d1", "d2")
        await store.drop(DeliveryId("d1"))
        assert await send_all(store) == ["d2"]
        await store.retry(DeliveryId("d1"))
        await store.drop(DeliveryId("d2"))
        assert [one.state for one in await store.timeline(NEWS)] == ["dropped", "sent"]

    async def test_what_is_dropped_in_flight_is_gone_unless_it_arrived(self, store):
        await queue(store, "d1", portal=PortalId("a"))
        await queue(store, "d2", portal=PortalId("b"))
        one, two = await lease(store, limit=2)
        await store.drop(one.id)
        await store.drop(two.id)
        await store.settle(one, Retry("offline"), now=NOW)
        await store.settle(two, Sent(SourceId("$there")), now=NOW)
        assert (await store.timeline(PortalId("a")))[0].state == "dropped"
        assert (await store.timeline(PortalId("b")))[0].state == "sent"
        assert await store.is_ours(PortalId("b"), SourceId("$there"), "matrix")

    async def test_an_unknown_delivery_is_refused(self, store):
        for change in (store.retry, store.drop):
            with pytest.raises(StoreError, match="no delivery nothing"):
                await change(DeliveryId("nothing"))

    async def test_pending_counts_what_is_not_over(self, store):
        await queue(store, "d1", "d2", "d3")
        await queue(store, "d4", target="whatsapp")
        (one,) = await lease(store)
        await store.settle(one, Wedge("no"), now=NOW)
        await lease(store)
        assert await store.pending() == 4
        assert (await store.pending("matrix"), await store.pending("whatsapp")) == (3, 1)

    async def test_waiting_is_one_lane_in_order_without_what_is_in_flight(self, store):
        await queue(store, "d1", "d2", "d3", target="whatsapp")
        await queue(store, "d4")
        await queue(store, "d5", target="whatsapp", portal=PortalId("other"))
        await lease(store, "whatsapp")
        assert [one.id for one in await store.waiting(NEWS, "whatsapp")] == ["d2", "d3"]


class TestTimeline:
    async def test_pages_back_without_gap_or_repeat(self, store):
        for number in range(25):
            await store.record(NEWS, said(f"m{number}"))
            await store.record(PortalId("other"), said(f"o{number}"))
        seen, before = [], 0
        while page := await store.timeline(NEWS, before=before, limit=10):
            seen = [one.event.id for one in page] + seen
            before = page[0].row
        assert seen == [f"m{number}" for number in range(25)]
        assert len(await store.timeline(NEWS, limit=0)) == 0

    async def test_a_row_shows_its_latest_delivery(self, store):
        event = said("a")
        await store.record(NEWS, event, [delivery("d1", event), delivery("d2", event, "whatsapp")])
        (one,) = await lease(store, "whatsapp")
        await store.settle(one, Wedge("no picture"), now=NOW)
        (row,) = await store.timeline(NEWS)
        assert (row.state, row.error, row.delivery) == ("wedged", "no picture", "d2")

    async def test_events_since_are_chosen_by_their_own_time_and_origin(self, store):
        await store.record(NEWS, said("late", at=NOW + 9))
        await store.record(NEWS, said("old", at=NOW - 1))
        await store.record(NEWS, said("here", at=NOW, origin=Origin.MATRIX))
        assert [one.event.id for one in await store.events_since(NEWS, at=NOW)] == ["late", "here"]
        found = await store.events_since(NEWS, at=NOW, origin=Origin.MATRIX)
        assert [one.event.id for one in found] == ["here"]


class TestSearch:
    @pytest.fixture
    async def filled(self, store):
        poll = Poll("أين نلتقي؟", (PollOption("المكتب"), PollOption("Café")))
        await store.record(NEWS, said("1", "اجتماعُ الصَّحافة في المدرسة الأُولى"))
        await store.record(NEWS, said("2", "Press meeting at NINE"))
        await store.record(PortalId("other"), said("3", "press release"))
        await store.record(NEWS, Notice(id="4", chat="group", text="Press notes"))
        await store.record(NEWS, Message(id="5", chat="group", poll=poll))
        return store

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("press", ["4", "3", "2"]),
            ("MEET press", ["2"]),
            ("المدرسه", ["1"]),
            ("الاولي الصحافه", ["1"]),
            ("cafe", ["5"]),
            ("المكتب", ["5"]),
            ("resting", []),
            ("", []),
            ('" OR * -', []),
            ("!!! 👍", []),
        ],
    )
    async def test_finds_words_by_their_beginning_newest_first(self, filled, query, found):
        assert [one.event.id for one in await filled.search(query)] == found

    async def test_keeps_to_a_portal_and_pages(self, filled):
        assert [one.event.id for one in await filled.search("press", NEWS)] == ["4", "2"]
        (first,) = await filled.search("press", limit=1)
        assert [one.event.id for one in await filled.search("press", before=first.row)] == ["3", "2"]

    async def test_a_redacted_message_is_found_no_more(self, store):
        await store.record(NEWS, said("a", "secret plan"))
        await store.record(NEWS, Redaction(id="r", chat="group", target=SourceId("a")))
        await store.record(NEWS, Redaction(id="r2", chat="group", target=SourceId("unknown")))
        assert await store.search("secret") == []

    async def test_an_edit_is_found_and_a_reaction_is_not(self, store):
        await store.record(NEWS, said("a", "first words"))
        await store.record(NEWS, Edit(id="e", chat="group", target=SourceId("a"), text="second words"))
        await store.record(NEWS, Reaction(id="k", chat="group", target=SourceId("a"), key="words"))
        assert [one.event.id for one in await store.search("words")] == ["e", "a"]

    async def test_words_without_end_are_kept_and_found(self, store):
        await store.record(NEWS, said("a", "x" * 60_000 + " end"))
        assert [one.event.id for one in await store.search("end")] == ["a"]
        assert [one.event.id for one in await store.search("x" * 600)] == ["a"]


class TestSmallFacts:
    async def test_are_kept_replaced_and_removed(self, store):
        assert await store.get("token") is None
        await store.put("token", "a")
        await store.put("token", "b")
        assert await store.get("token") == "b"
        await store.put("token", None)
        await store.put("token", None)
        assert await store.get("token") is None

    async def test_an_import_is_journalled_by_portal(self, store):
        await store.save_imported(NEWS, [(SourceId("a"), EventId("$1")), (SourceId("b"), EventId("$2"))])
        await store.save_imported(NEWS, [(SourceId("b"), EventId("$3"))])
        await store.save_imported(PortalId("other"), [(SourceId("c"), EventId("$4"))])
        await store.save_imported(NEWS, [])
        assert await store.imported(NEWS) == {"a": "$1", "b": "$3"}
        assert await store.imported(PortalId("nothing")) == {}

    async def test_the_health_log_is_newest_first(self, store):
        verdicts = [
            Health(1.5, Weather.DOWN, Cause.META_OUTAGE, "no answer"),
            Health(2.5, Weather.UP),
            Health(3.5, Weather.UNKNOWN, Cause.LOCAL_NETWORK),
        ]
        for verdict in verdicts:
            await store.log_health(verdict)
        assert await store.health_log() == verdicts[::-1]
        assert await store.health_log(1) == verdicts[2:]

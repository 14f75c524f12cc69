"""Who is told outside Matrix, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fallback.core.alerting import HOUR, Attempt, Member, Rules, Rung, due, is_metas, member
from fallback.core.contacts import Contact
from fallback.core.ids import ContactId

NOON = 12 * HOUR
OMAR = Contact(id=ContactId("omar"), name="Omar", channels=("ntfy:omar",), emails=("omar@x.org",))
SARA = Contact(
    id=ContactId("sara"), name="Sara", channels=("ntfy:sara", "deputy:omar"), emails=("sara@x.org",)
)
BOOK = {"omar": OMAR, "sara": SARA}
RULES = Rules(step=300)


def told(attempts, minutes, who=SARA, rules=RULES, **rest):
    """Play a clock on: what is due is sent and works."""
    kept = list(attempts)
    for minute in range(minutes):
        now = NOON + minute * 60_000
        kept += [
            Attempt(now, one.id, rung) for one, rung in due([member(who, BOOK)], kept, rules, now, **rest)
        ]
    return [(one.at // 60_000 - 720, one.rung.to, one.rung.channel) for one in kept]


def test_the_ladder_goes_on_a_rung_at_a_time_then_to_the_deputy_then_stops():
    assert told([], 60) == [
        (0, "sara", "ntfy:sara"),
        (5, "sara", "mailto:sara@x.org"),
        (10, "omar", "ntfy:omar"),
        (15, "omar", "mailto:omar@x.org"),
    ]


def test_a_failed_alert_gives_way_to_the_next_rung_at_once():
    failed = Attempt(NOON, "sara", Rung("sara", "ntfy:sara"), "no such topic")
    ((_, rung),) = due([member(SARA, BOOK)], [failed], RULES, NOON)
    assert rung.channel == "mailto:sara@x.org"


def test_who_acknowledged_is_left_alone():
    assert told([], 60, acknowledged={"sara"}) == []


@pytest.mark.parametrize(("quiet", "silent"), [((700, 740), True), ((1320, 360), False), ((1320, 730), True)])
def test_nobody_is_disturbed_in_quiet_hours_and_all_are_after(quiet, silent):
    rules = Rules(quiet=quiet)
    assert bool(due([member(SARA, BOOK)], [], rules, NOON)) is not silent
    assert due([member(SARA, BOOK)], [], rules, NOON + 60 * 60_000)


def test_what_costs_is_used_as_long_as_the_budget_lasts():
    people = [Member(str(n), "", (Rung(str(n), f"sms:{n}"), Rung(str(n), f"ntfy:{n}"))) for n in range(4)]
    rules = Rules(costs={"sms": 5}, budget=12)
    assert [rung.kind for _, rung in due(people, [], rules, NOON)] == ["sms", "sms", "ntfy", "ntfy"]


def test_a_deputy_of_many_is_not_flooded():
    people = [Member(str(n), "", (Rung("omar", f"ntfy:{n}"),)) for n in range(20)]
    chosen = due(people, [], Rules(per_hour=3), NOON)
    assert len(chosen) == 3
    sent = [Attempt(NOON, one.id, rung) for one, rung in chosen]
    assert due(people, sent, Rules(per_hour=3), NOON + 1) == []
    assert len(due(people, sent, Rules(per_hour=3), NOON + HOUR)) == 3


def test_a_deputy_who_is_oneself_or_unknown_is_none():
    alone = replace(SARA, channels=("ntfy:sara", "deputy:sara", "deputy:nobody"), emails=())
    assert [rung.channel for rung in member(alone, BOOK).rungs] == ["ntfy:sara"]


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 5))
def test_no_rung_is_used_twice_and_nobody_gets_more_than_their_cap(minutes, cap):
    people, kept, now = [member(SARA, BOOK), member(OMAR, BOOK)], [], NOON
    for minute in minutes:
        now += minute * 60_000
        kept += [Attempt(now, one.id, rung) for one, rung in due(people, kept, Rules(per_hour=cap), now)]
        for to in ("sara", "omar"):
            assert sum(one.rung.to == to and now - one.at < HOUR for one in kept) <= cap
    assert len({(one.member, one.rung) for one in kept}) == len(kept)


@pytest.mark.parametrize(
    "url",
    [
        "whatsapp://token@phone", "https://graph.facebook.com/v1/x", "https://WA.ME/1", "m.me", "https://api.whatsapp.com.",
        "instagram://x", "https://u:p@www.instagram.com:443/x", "facebook.com",
    ],
)  # fmt: skip
def test_metas_services_are_known(url):
    assert is_metas(url)


@pytest.mark.parametrize(
    "url", ["https://ntfy.sh", "tgram://x/y", "https://notwhatsapp.com", "http://[", "x.org"]
)
def test_others_are_not_taken_for_metas(url):
    assert not is_metas(url)

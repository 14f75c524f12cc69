"""Past outages as a report."""

import csv
import io
import itertools
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.health import Cause, Health, State
from fallback.core.outages import Entry, Outage, as_csv, as_page, line, outages


def log(*states):
    return [Health(float(at), State(state), None, f"at {at}") for at, state in states]


def test_an_outage_runs_from_down_to_up_and_is_noticed_from_the_first_bad_verdict():
    (found,) = outages(log((10, "DEGRADED"), (100, "DOWN"), (400, "RECOVERING"), (700, "UP")))
    assert found == Outage(10.0, 100.0, 700.0, None, "at 100")
    assert found.noticed_after == 90


def test_a_relapse_and_a_cut_off_machine_are_the_same_outage():
    states = ((1, "DOWN"), (2, "RECOVERING"), (3, "DOWN"), (4, "UNKNOWN"), (5, "DOWN"), (9, "UP"))
    assert [(one.down, one.up) for one in outages(log(*states))] == [(1.0, 9.0)]


def test_a_blip_is_none_and_its_sign_is_forgotten():
    (found,) = outages(log((1, "DEGRADED"), (2, "UP"), (50, "DOWN")))
    assert (found.sign, found.up) == (50.0, None)


@given(st.lists(st.sampled_from(list(State)), max_size=40))
def test_outages_never_overlap_and_each_is_noticed_after_its_sign(states):
    found = outages(Health(float(at), state) for at, state in enumerate(states))
    assert all(one.noticed_after >= 0 for one in found)
    assert all(
        before.up is not None and before.up < after.down for before, after in itertools.pairwise(found)
    )


ENTRIES = [
    Entry("outage", 1_633_362_000.0, 1_633_384_800.0, 9, 12, 90.0, Cause.META_OUTAGE, "<b>no names</b>"),
    Entry("drill", 1_633_400_000.0, 1_633_400_900.0, 11, 12),
    Entry("outage", 1_633_500_000.0, None, 0, 12, why="=1+1"),
]


def test_a_line_says_all_of_it():
    assert line(ENTRIES[0]) == (
        "2021-10-04 15:40:00Z  outage  380 min, noticed after 90 s, reached 9 of 12, meta_outage: <b>no names</b>"
    )
    assert line(ENTRIES[1]) == "2021-10-05 02:13:20Z  drill  15 min, reached 11 of 12"
    assert "still on" in line(ENTRIES[2])


def test_the_table_is_no_formula():
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES))))
    assert (rows[0]["minutes"], rows[0]["cause"], rows[1]["kind"]) == ("380", "meta_outage", "drill")
    assert rows[2]["why"] == "'=1+1"
    assert rows[2]["ended"] == ""


def test_the_page_draws_each_and_loads_nothing():
    tags, names = [], set()

    class Read(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)
            names.update(name for name, _ in attrs)

    Read().feed(as_page(ENTRIES, 1_633_600_000.0))
    assert tags.count("rect") == 3
    assert "b" not in tags
    assert not names & {"src", "href"}
    assert "<svg" in as_page([], 1.0)

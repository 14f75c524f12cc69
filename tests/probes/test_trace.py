"""The recorded outages hold: what each trace expects of a detector's log."""

import collections
from pathlib import Path

import pytest

from fallback.errors import ParseError
from fallback.probes.trace import load, replay

OUTAGES = sorted((Path(__file__).parent.parent / "data" / "outages").glob("*.json"))


def broken(trace, log):
    """List the expectations that a log breaks; rules as in the format's description."""
    entries, firsts, before = collections.Counter(), {}, "UP"
    for t, state, _ in log[1:]:
        if state != before:
            entries[state] += 1
            firsts.setdefault(state, t)
        before = state

    def at(t):
        return [entry for entry in log if entry[0] <= t][-1]

    for rule in trace.expect:
        match rule["check"]:
            case "never":
                wrong = [entry for entry in log if entry[1] in rule["states"]]
            case "state_in":
                points = [rule["from"], *(entry[0] for entry in log if rule["from"] < entry[0] <= rule["to"])]
                wrong = [at(point) for point in points if at(point)[1] not in rule["allowed"]]
            case "first_enter":
                t = firsts.get(rule["state"], -1)
                wrong = [] if rule["after"] <= t <= rule["before"] else [t]
            case "cause_at":
                wrong = [] if at(rule["t"])[2] in rule["allowed"] else [at(rule["t"])]
            case "never_cause":
                wrong = [entry for entry in log if entry[2] in rule["causes"]]
            case "max_entries":
                wrong = [] if entries[rule["state"]] <= rule["n"] else [entries]
        if wrong:
            yield rule, wrong


@pytest.mark.parametrize("path", OUTAGES, ids=lambda path: path.stem)
def test_a_recorded_outage_is_judged_as_it_was(path):
    trace = load(path)
    log = [
        (0.0, "UP", None),
        *((one.at, one.state.value, one.cause and one.cause.value) for one in replay(trace)),
    ]
    assert trace.expect
    assert list(broken(trace, log)) == []


@pytest.mark.parametrize("text", ["", "[]", '{"id": 1}', '{"id":"x","duration_s":1,"samples":[[1]]}', "\x00"])
def test_a_file_that_is_no_trace_is_refused(tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ParseError, match="no outage trace"):
        load(file)


def test_a_replay_is_the_same_each_time():
    trace = load(OUTAGES[0])
    assert list(replay(trace)) == list(replay(trace))

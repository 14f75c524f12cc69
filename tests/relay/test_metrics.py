"""Prometheus' text format."""

import re

from hypothesis import given
from hypothesis import strategies as st

from fallback.relay.metrics import BOUNDS, Family, Histogram, Value, one, render, states

LINE = re.compile(
    r'fallback_\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)*\})? -?[\d.e+-]+|# (HELP|TYPE) fallback_\w+ .*'
)


def test_a_family_is_its_help_its_kind_and_its_lines():
    text = render([Family("wedges", "gauge", "What is stuck.", one(2, target="matrix"))])
    assert text == (
        "# HELP fallback_wedges What is stuck.\n"
        "# TYPE fallback_wedges gauge\n"
        'fallback_wedges{target="matrix"} 2\n'
    )


def test_a_histogram_is_cumulative_and_ends_with_all():
    measured = Histogram()
    for seconds in (0.001, 0.01, 0.02, 9999999):
        measured.observe(seconds)
    values = measured.values({"target": "matrix"})
    buckets = [value.value for value in values if value.suffix == "_bucket"]
    assert buckets == [2, *[3] * (len(BOUNDS) - 1), 4]
    assert [value.labels["le"] for value in values[:2]] == ["0.01", "0.025"]
    assert values[len(BOUNDS)].labels["le"] == "+Inf"
    assert (values[-1].value, values[-1].suffix) == (4, "_count")


def test_of_all_states_one_is_so():
    assert [value.value for value in states("b", "abc")] == [0, 1, 0]


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_stands_in_a_label_every_line_is_one(label, value):
    text = render([Family("x", "gauge", label, [Value({"name": label}, value)])])
    assert all(LINE.fullmatch(line) for line in text.removesuffix("\n").split("\n"))

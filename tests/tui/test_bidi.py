"""The bidirectional algorithm against Unicode's own conformance cases."""

from pathlib import Path

import pytest

from fallback.tui import bidi

SAMPLE = Path(__file__).parent / "data" / "BidiCharacterTest-sample.txt"
WHOLE = Path("/usr/share/unicode/BidiCharacterTest.txt")


def differences(path):
    found = []
    for line in path.read_text("utf-8").splitlines():
        case = line.partition("#")[0].strip()
        if not case:
            continue
        codes, direction, base, levels, order = case.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        got_base = (bidi.base_level(text) or 0) if direction == "2" else int(direction)
        got = bidi.levels(text, got_base)
        kept = [place for place, level in enumerate(got) if level is not None]
        visual = [kept[place] for place in bidi.order([got[place] for place in kept])]
        wanted = [None if level == "x" else int(level) for level in levels.split()]
        if (got_base, got, visual) != (int(base), wanted, [int(place) for place in order.split()]):
            found.append(case)
    return found


def test_the_sample_of_unicodes_cases_is_resolved_as_unicode_does():
    assert differences(SAMPLE) == []


@pytest.mark.skipif(not WHOLE.exists(), reason="the Debian package unicode-data is not installed")
def test_all_of_unicodes_cases_are_resolved_as_unicode_does():
    assert differences(WHOLE) == []


def test_brackets_are_mirrored_and_letters_are_not():
    assert bidi.mirror("(") == ")"
    assert bidi.mirror("«") == "»"
    assert bidi.mirror("ب") == "ب"


def test_unassigned_code_points_of_arabic_blocks_are_arabic():
    assert bidi.bidi_class("\U0001ee50") == "AL"
    assert bidi.bidi_class("\u05fe") == "R"

"""What the page on encryption claims is held by tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parents[1] / "docs" / "encryption.md"


def test_every_claim_names_a_test():
    made = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    }
    claimed = re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8"))
    assert len(claimed) > 20
    assert [name for name in claimed if name not in made] == []

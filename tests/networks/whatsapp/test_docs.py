"""The page about exports tells what the reader can do."""

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "docs" / "exports_table.py"


def test_the_table_of_dialects_is_up_to_date():
    script = runpy.run_path(str(SCRIPT))
    assert script["page"]() == script["PAGE"].read_text(encoding="utf-8"), "run python docs/exports_table.py"

"""The one SQL text and the schema's rules."""

import re

import pytest

from fallback.store import sql
from fallback.store.database import upgrades

SCHEMA = "\n".join(step.statements for step in upgrades())
STATEMENTS = {name: value for name, value in vars(sql).items() if name.isupper() and not name.startswith("_")}


def test_placeholders_are_rewritten():
    assert sql.sqlite("a = $1 AND b = $12 AND c = $1") == "a = ?1 AND b = ?12 AND c = ?1"


@pytest.mark.parametrize("name", STATEMENTS)
def test_placeholders_of_a_statement_have_no_gap(name):
    numbers = {int(number) for number in re.findall(r"\$(\d+)", STATEMENTS[name])}
    assert numbers == set(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", STATEMENTS)
def test_an_insert_names_its_columns(name):
    assert not re.search(r"INSERT INTO \w+ VALUES", STATEMENTS[name])


def test_upgrades_are_numbered_without_gap():
    assert [step.number for step in upgrades()] == list(range(1, len(upgrades()) + 1))


@pytest.mark.parametrize("table", re.findall(r"CREATE TABLE (.+?);$", SCHEMA, re.DOTALL | re.MULTILINE))
def test_a_table_is_strict_and_every_column_is_explained_and_never_null(table):
    assert ") STRICT" in table
    columns = [
        line for line in table.splitlines()[1:] if line.startswith("    ") and "PRIMARY KEY (" not in line
    ]
    for column in columns:
        assert "--" in column, column
        assert "NOT NULL" in column or "AUTOINCREMENT" in column, column


PLANS = [
    ("DUE", ("matrix", 1, 1, "me"), {"deliveries_open", "deliveries_leased"}),
    ("WAITING", ("whatsapp", "news"), {"deliveries_open"}),
    ("WEDGES", (), {"deliveries_wedged"}),
    ("PENDING", ("",), {"deliveries_open", "deliveries_wedged"}),
    ("TIMELINE", ("news", 9, 9), {"events_timeline", "deliveries_row"}),
    ("SINCE", ("news", 9, ""), {"events_time"}),
    ("IS_OURS", ("news", "x", 1), {"deliveries_remote"}),
]


@pytest.mark.parametrize(("name", "values", "indexes"), PLANS)
async def test_a_statement_that_runs_often_uses_its_index(sqlite, name, values, indexes):
    query = "EXPLAIN QUERY PLAN " + sql.sqlite(STATEMENTS[name])
    rows = await sqlite._writer.run(lambda db: db.execute(query, values).fetchall(), write=False)
    plan = "\n".join(row[3] for row in rows)
    assert indexes <= set(re.findall(r"INDEX (\w+)", plan)), plan
    assert not re.search(r"SCAN (deliveries|events|d|e|h)$", plan, re.MULTILINE), plan

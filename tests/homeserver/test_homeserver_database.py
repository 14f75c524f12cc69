import sqlite3
from contextlib import closing

import pytest

from fallback.homeserver.database import SMALL, analyze, analyze_if_stale


@pytest.fixture
def path(tmp_path):
    return tmp_path / "homeserver.db"


def fill(path, number):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS events (event_id TEXT UNIQUE, room_id TEXT)")
        start = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        rows = ((f"${n}", "!r") for n in range(start, start + number))
        connection.executemany("INSERT INTO events VALUES (?, ?)", rows)


def test_a_small_or_absent_database_is_left_alone(path):
    assert not analyze_if_stale(path)
    assert not path.exists()
    fill(path, SMALL)
    assert not analyze_if_stale(path)


def test_statistics_are_made_when_the_database_has_doubled(path):
    fill(path, SMALL + 1)
    assert analyze_if_stale(path)
    assert not analyze_if_stale(path)
    fill(path, SMALL + 1)
    assert not analyze_if_stale(path)
    fill(path, 1)
    assert analyze_if_stale(path)


def test_statistics_that_were_asked_for_count(path):
    fill(path, SMALL + 1)
    analyze(path)
    assert not analyze_if_stale(path)


def test_what_is_no_database_is_not_our_complaint(path, caplog):
    path.write_bytes(b"garbage" * 100)
    assert not analyze_if_stale(path)
    assert "statistics" in caplog.text

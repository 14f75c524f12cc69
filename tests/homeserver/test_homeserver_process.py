import socket
import sys

import pytest

from fallback.errors import HomeserverError
from fallback.homeserver import process
from fallback.homeserver.layout import Layout

TRACE = """2026-11-24 19:00:00,001 WARNING synapse.config.logger: ***** STARTING SERVER *****
2026-11-24 19:00:00,384 ERROR synapse.app._base: Exception during startup
Traceback (most recent call last):
  File "x.py", line 1, in start
sqlite3.DatabaseError: file is not a database
**********************************
 Error during initialisation:
     sqlite3.DatabaseError: file is not a database

 There may be more information in the logs.
**********************************
"""


def test_the_last_line_for_a_person_is_found():
    assert (
        process.last_error("Traceback (most recent call last):\n  File x\nValueError: bad key\n\n")
        == "ValueError: bad key"
    )
    assert process.last_error("2026-11-24 19:00:00,001 ERROR synapse.x: it broke\n") == "it broke"
    assert process.last_error("2026-11-24 19:00:00,001 WARNING synapse.x: hm\n") == ""
    assert process.last_error("") == ""


def test_what_synapse_says_of_its_log_is_not_the_reason():
    assert process.last_error(TRACE) == "sqlite3.DatabaseError: file is not a database"


def test_a_hostile_log_line_can_not_drive_the_terminal():
    assert "\x1b" not in process.last_error("bad \x1b]0;title\x07 thing")


@pytest.mark.parametrize("line", ["OSError: [Errno 28] No space left on device", "database or disk is full"])
def test_a_full_disk_is_named(tmp_path, line):
    error = process.death(f"Traceback\n{line}\n", Layout(tmp_path), 8008)
    assert "no space left" in error.message
    assert error.hint


def test_a_port_lost_at_the_last_moment_is_named(tmp_path):
    error = process.death(
        "CannotListenError: Couldn't listen: Address already in use.", Layout(tmp_path), 8008
    )
    assert error.message == "port 8008 is in use"


def test_a_silent_death_still_says_where_to_look(tmp_path):
    error = process.death("", Layout(tmp_path), 8008)
    assert str(Layout(tmp_path).log) in error.hint


def test_a_taken_port_is_not_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert process.free_port(taken.getsockname()[1]) is None
    assert process.free_port()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "synapse", None)
    with pytest.raises(HomeserverError) as raised:
        process.require_synapse()
    assert "fallback[server]" in raised.value.hint


def test_only_what_was_said_since_the_start_is_read(tmp_path):
    layout = Layout(tmp_path)
    layout.log.write_text("old\n")
    before = process.log_size(layout)
    with layout.log.open("a") as file:
        file.write("new\n")
    assert process.log_since(layout, before) == "new\n"

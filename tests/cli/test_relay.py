"""The daemon as a process: it starts, mirrors nothing twice, and stops when it is asked to."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("bad input")]
CLINIC = Path(__file__).parents[2] / "examples" / "exports" / "clinic-en.zip"
PROGRAM = [sys.executable, "-m", "fallback"]


@pytest.fixture
def migrated():
    subprocess.run(
        [*PROGRAM, "migrate", str(CLINIC), "--yes", "--timezone", "Europe/London"],
        check=True,
        capture_output=True,
        timeout=200,
    )


def test_it_runs_until_sigterm_and_ends_well(migrated):
    with subprocess.Popen([*PROGRAM, "relay"], stderr=subprocess.PIPE, text=True) as daemon:
        assert any("Millbrook Surgery Team ↔ !" in line for line in daemon.stderr)
        daemon.send_signal(signal.SIGTERM)
        shown = daemon.stderr.read()
    assert daemon.returncode == 0, shown
    assert "0 deliveries wait" in shown


def asked(*command):
    return subprocess.run([*PROGRAM, *command], capture_output=True, text=True, check=False, timeout=60)


def test_a_second_one_is_refused_by_name_and_pid_and_the_first_answers_for_the_profile(migrated):
    with subprocess.Popen([*PROGRAM, "relay"], stderr=subprocess.PIPE, text=True) as daemon:
        assert any("↔" in line for line in daemon.stderr)
        second, told = asked("relay", "run"), asked("status", "--json")
        daemon.send_signal(signal.SIGINT)
        daemon.stderr.read()
    assert second.returncode == 7
    assert f"process {daemon.pid}" in second.stderr
    assert told.returncode == 0
    facts = json.loads(told.stdout)
    assert (facts["relay"], facts["groups"], facts["waiting"]) == (True, ["Millbrook Surgery Team"], 0)
    assert facts["account"].startswith("@fallback:")


def test_what_is_due_is_delivered_once_and_it_ends(migrated):
    done = subprocess.run(
        [*PROGRAM, "relay", "run", "--once", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert '{"waiting":0}' in done.stdout

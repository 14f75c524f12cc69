"""The daemon as a process: it starts, mirrors nothing twice, and stops when it is asked to."""

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


def test_a_second_one_on_the_same_profile_is_refused_by_name_and_pid(migrated):
    with subprocess.Popen([*PROGRAM, "relay"], stderr=subprocess.PIPE, text=True) as daemon:
        assert any("↔" in line for line in daemon.stderr)
        second = subprocess.run([*PROGRAM, "status"], capture_output=True, text=True, check=False, timeout=60)
        daemon.send_signal(signal.SIGINT)
        daemon.stderr.read()
    assert second.returncode == 7
    assert f"process {daemon.pid}" in second.stderr


def test_what_is_due_is_delivered_once_and_it_ends(migrated):
    done = subprocess.run(
        [*PROGRAM, "relay", "--once", "--json"], capture_output=True, text=True, check=True, timeout=100
    )
    assert '{"waiting":0}' in done.stdout

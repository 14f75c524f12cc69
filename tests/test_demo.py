"""The headless demo against the real Synapse, whole, killed and run again."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("demo")]
COMMAND = [sys.executable, "-m", "fallback", "demo", "--headless", "--json"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return {
        **os.environ,
        "FALLBACK_DATA_HOME": str(folder / "data"),
        "FALLBACK_CONFIG_HOME": str(folder / "config"),
    }


def run_until(words, home):
    """Run the demo and kill it -9 when it narrates these words."""
    with subprocess.Popen(
        COMMAND, env=home, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert any(words in line for line in process.stderr), f"it never said {words!r}"
        process.send_signal(signal.SIGKILL)


def report(home):
    done = subprocess.run(COMMAND, env=home, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_killed_in_the_middle_of_the_import_it_goes_on_and_every_count_agrees(home):
    run_until("importing: 104 of 520", home)
    run_until("importing: 416 of 520", home)
    run_until("waiting for WhatsApp: 5 of 5", home)
    result = report(home)
    assert result["agrees"]
    assert result["states"] == ["DOWN", "UP"]
    steps = {step["name"]: (step["expected"], step["arrived"]) for step in result["steps"]}
    assert steps["migrated"] == (520, 520)
    assert steps["the member sees the history"] == (520, 520)
    assert steps["waiting for WhatsApp"] == (5, 5)
    assert steps["one digest to WhatsApp"] == (1, 1)


def test_a_second_run_on_the_same_data_doubles_nothing(home):
    result = report(home)
    assert result["agrees"]
    assert {"name": "migrated", "expected": 520, "arrived": 520} in result["steps"]

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fallback.homeserver.layout import Layout
from fallback.homeserver.lock import holder

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


def fallback(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fallback", "homeserver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def status() -> dict:
    return json.loads(fallback("status", "--json").stdout)


def test_detached_it_runs_until_it_is_told_to_stop_and_accounts_can_be_added():
    assert status()["running"] is False
    assert fallback("stop").stderr == "it is not running\n"
    made = fallback("start", "--detach")
    assert (made.returncode, made.stdout.strip()) == (0, status()["url"])
    assert (status()["running"], status()["detached"]) == (True, True)
    assert fallback("start").stdout == made.stdout
    user = json.loads(fallback("add-user", "salma", "--display-name", "سلمى", "--json").stdout)
    assert (user["user"], user["homeserver"]) == ("@salma:fallback.local", status()["url"])
    again = fallback("add-user", "salma")
    assert "@salma:fallback.local" in again.stdout
    assert user["password"] not in again.stdout
    assert fallback("stop").stderr == "stopped\n"
    assert status()["running"] is False


def test_in_the_foreground_it_ends_with_the_terminal_s_interrupt_or_with_stop():
    for end in (lambda process: process.send_signal(signal.SIGINT), lambda _: fallback("stop")):
        command = [sys.executable, "-m", "fallback", "homeserver", "start"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            url = process.stdout.readline().strip()
            shown = status()
            assert (shown["url"], shown["detached"], shown["manager"]) == (url, False, process.pid)
            end(process)
            assert process.wait(30) == 0
        assert holder(Layout(Path(shown["folder"])).pid) is None


def test_a_port_in_use_and_a_wrong_name_have_their_exit_codes():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = fallback("start", "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 8
    assert "is in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_its_help_has_examples():
    for name in ("start", "stop", "status", "add-user"):
        shown = fallback(name, "--help").stdout
        assert "Example" in shown, name

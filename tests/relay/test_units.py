"""The unit and the container files say what the relay needs of them."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from fallback.cli import main
from fallback.config import Relay, address, load
from fallback.homeserver.managed import START_LIMIT, STOP_LIMIT

EXAMPLES = Path(__file__).parents[2] / "examples"
UNIT = EXAMPLES / "systemd" / "fallback-relay.service"
CONTAINER = EXAMPLES / "container"


@pytest.fixture(scope="module")
def service():
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    return unit["Service"]


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|min)", text).groups()
    return int(number) * {"s": 1, "min": 60}[unit]


def known(words):
    command = main
    for word in words:
        command = command.get_command(None, word)
        assert command is not None, word
    return True


def test_the_command_exists(service):
    program, *words = service["ExecStart"].split()
    assert Path(program).name == "fallback"
    assert known(words)


def test_there_is_time_to_start_and_to_stop_with_the_homeserver(service):
    assert service["Type"] == "notify"
    assert seconds(service["TimeoutStartSec"]) > START_LIMIT
    assert seconds(service["TimeoutStopSec"]) > Relay().drain + STOP_LIMIT
    assert service["KillMode"] == "mixed"
    assert seconds(service["WatchdogSec"]) >= 30


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_to_complain_about(tmp_path):
    there = tmp_path / UNIT.name
    there.write_text(UNIT.read_text("utf-8").replace("/opt/fallback/bin/fallback", "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(there)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert UNIT.name not in done.stderr


def test_the_container_runs_the_relay_as_nobody_in_particular_and_asks_where_it_listens():
    text = (CONTAINER / "Containerfile").read_text("utf-8")
    assert "USER fallback" in text
    assert known(re.findall(r'^CMD \["(\w+)", "(\w+)"\]', text, re.MULTILINE)[0])
    config = load(CONTAINER / "config" / "default" / "fallback.toml", {}).config
    for wanted in (Relay().listen, config.relay.listen):
        assert "http://{}:{}/healthz".format(*address(wanted, "relay.listen")) in text
    compose = (CONTAINER / "compose.yaml").read_text("utf-8")
    assert seconds(re.search(r"stop_grace_period: (\S+)", compose)[1]) > Relay().drain + STOP_LIMIT
    assert config.logging.to == "stderr"

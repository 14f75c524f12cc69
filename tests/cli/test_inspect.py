"""``fallback inspect`` tells a person and a program what an export holds."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fallback.cli.inspect import command
from fallback.errors import ParseError

DATA = Path(__file__).parents[1] / "data" / "exports"
ZIP = str(DATA / "p12-android-it-zip-with-media.zip")


def test_report_is_read_by_a_person():
    result = CliRunner().invoke(command, [ZIP])
    assert result.exit_code == 0
    assert "Magazzino Notte" in result.stdout
    assert "DMY" in result.stdout


def test_json_is_one_object():
    result = CliRunner().invoke(command, [ZIP, "--json"])
    assert json.loads(result.stdout)["n_messages"] == 10


def test_messages_are_one_event_a_line():
    result = CliRunner().invoke(command, [ZIP, "--messages", "--timezone", "Europe/Rome"])
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["type"] for event in events].count("Message") == 7


def test_open_date_order_asks_for_the_option(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text("03/04/23, 10:00 - A: x\n")
    assert "--date-order" in CliRunner().invoke(command, [str(path)]).stdout
    result = CliRunner().invoke(command, [str(path), "--date-order", "mdy", "--json"])
    assert json.loads(result.stdout)["messages"][0]["timestamp_local"] == "2023-03-04T10:00:00"


def test_several_exports_of_one_group_are_compared(tmp_path):
    text = "13/04/23, 10:00 - A: a message long enough\n13/04/23, 10:01 - B: and another one of them\n"
    (tmp_path / "one.txt").write_text(text)
    (tmp_path / "two.txt").write_text(text + "13/04/23, 10:02 - A: a third\n")
    result = CliRunner().invoke(command, [str(tmp_path / "one.txt"), str(tmp_path / "two.txt")])
    assert "3 messages together, 2 of them in more than one export" in result.stdout


def test_what_is_no_export_is_an_error(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("shopping list")
    with pytest.raises(ParseError):
        CliRunner().invoke(command, [str(path)], catch_exceptions=False)

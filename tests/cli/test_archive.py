"""``fallback archive``: an export as a page."""

import json

import pytest

from fallback.__main__ import main as program

EXPORT = """\
04/10/2021, 18:38 - Sara created group "Newsroom"
04/10/2021, 18:38 - Sara: good evening
04/10/2021, 18:41 - أحمد: نعم
"""


@pytest.fixture
def chat(tmp_path):
    path = tmp_path / "in" / "WhatsApp Chat with Newsroom.txt"
    path.parent.mkdir()
    path.write_text(EXPORT)
    return path


def run(*arguments):
    try:
        program(["archive", *map(str, arguments), "--date-order", "DMY", "--timezone", "UTC"])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_it_prints_where_the_page_is(chat, tmp_path, capsys):
    assert run(chat, "-o", tmp_path / "out") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "index.html")
    assert "Monday, 4 October 2021" in (tmp_path / "out" / "index.html").read_text()


def test_a_plan_writes_nothing(chat, tmp_path, capsys):
    assert run(chat, "-o", tmp_path / "out", "--plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["plan"]["records"] == 3
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_stays_unless_forced(chat, tmp_path, capsys):
    assert run(chat, "-o", tmp_path / "out") == 0
    assert run(chat, "-o", tmp_path / "out") == 2
    assert "--force" in capsys.readouterr().err
    assert run(chat, "-o", tmp_path / "out", "--force", "--language", "ar", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["archive"]["messages"] == 2

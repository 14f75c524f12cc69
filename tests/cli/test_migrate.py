"""``fallback migrate``: the plan, its people, and its file."""

import asyncio
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fallback import compose
from fallback.__main__ import main as program
from fallback.core.contacts import Contact, tidy
from fallback.core.ids import ContactId
from fallback.paths import Profile

EXPORT = """\
04/10/2021, 18:38 - Sara created group "Newsroom"
04/10/2021, 18:38 - Sara: good evening
04/10/2021, 18:39 - +962 79 000 0001: hello
04/10/2021, 18:40 - Omar: here
04/10/2021, 18:41 - أحمد الطيب: نعم
"""
TEAM = "Name,Phone,Matrix id\nHuda,+962790000001,@huda:x.org\nOmar Said,+962790000002,@omar:x.org\n"


@pytest.fixture
def chat(tmp_path):
    path = tmp_path / "WhatsApp Chat with Newsroom.txt"
    path.write_text(EXPORT)
    return path


@pytest.fixture
def team(tmp_path):
    path = tmp_path / "team.csv"
    path.write_text(TEAM)
    return path


def run(*arguments):
    try:
        program(["migrate", *map(str, arguments), "--date-order", "DMY", "--timezone", "UTC"])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_a_plan_says_who_has_an_account_who_is_doubtful_and_whom_it_invites(chat, team, capsys):
    assert run(chat, "--plan", "--team", team) == 0
    shown = capsys.readouterr().out
    assert "account @huda:x.org  (the same phone number: Huda)" in shown
    assert "doubtful: a part of the name" in shown
    assert "may be Omar Said" in shown
    assert "Invited     @huda:x.org" in shown
    assert "not confirmed by anybody" in shown


def test_a_plan_for_a_program_counts_people_and_names_invitations(chat, team, capsys):
    assert run(chat, "--plan", "--json", "--team", team) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["people"] == {"account": 1, "ghost": 2, "doubtful": 1, "skip": 0}
    assert told["invitations"] == ["@huda:x.org"]


def test_a_team_is_not_kept(chat, team):
    run(chat, "--plan", "--team", team)
    assert not Profile("default").store_file.exists()


def test_the_profiles_own_contacts_are_known(chat, capsys):
    async def add():
        async with compose.open_store(Profile("default")) as store:
            await store.save_contact(
                tidy(Contact(id=ContactId("c1"), name="احمد الطيب", mxids=("@ahmad:x.org",)))
            )

    asyncio.run(add())
    assert run(chat, "--plan") == 0
    assert "account @ahmad:x.org  (the same name in another spelling" in capsys.readouterr().out


def test_a_plan_is_written_for_its_owner_and_read_back_edited(chat, team, tmp_path, capsys):
    file = tmp_path / "plan.toml"
    assert run(chat, "--team", team, "--plan-out", file) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    people = tomllib.loads(file.read_text())["person"]
    assert [one["becomes"] for one in people if one["name"] == "Omar"] == ["doubtful"]
    file.write_text(file.read_text().replace('name = "Newsroom"', 'name = "News desk"'))
    capsys.readouterr()
    assert run(chat, "--plan", "--apply", file) == 0
    assert "Room        News desk" in capsys.readouterr().out


def test_a_plan_file_that_is_there_is_not_replaced(chat, tmp_path, capsys):
    file = tmp_path / "plan.toml"
    file.write_text("mine")
    assert run(chat, "--plan-out", file) == 2
    assert file.read_text() == "mine"


def test_a_wrong_edit_is_named_with_its_line(chat, tmp_path, capsys):
    file = tmp_path / "plan.toml"
    run(chat, "--plan-out", file)
    file.write_text(file.read_text().replace('version = "12"', 'version = "99"'))
    assert run(chat, "--apply", file, "--yes") == 2
    assert "plan.toml, line 10: version is one of 11, 12" in capsys.readouterr().err


def test_a_room_is_encrypted_unless_one_says_otherwise(chat, capsys):
    for more, told in (((), "end-to-end encrypted"), (("--unencrypted",), "NOT encrypted")):
        run(chat, "--plan", *more)
        assert told in capsys.readouterr().out


def test_a_team_that_is_not_there_is_named(chat, capsys):
    assert run(chat, "--plan", "--team", Path("gone.vcf")) == 5
    assert "gone.vcf can't be read" in capsys.readouterr().err


def test_several_exports_of_a_group_are_one_history(chat, tmp_path, capsys):
    longer = tmp_path / "longer.txt"
    longer.write_text(EXPORT + "04/10/2021, 18:50 - Sara: and one more\n")
    assert run(chat, longer, "--plan", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["events"] == len(EXPORT.splitlines()) + 1
    assert "of 2 exports: 5 events in common, 0 added" in told["plan"]["warnings"]


def test_exports_of_two_groups_are_refused_before_anything_is_sent(chat, tmp_path, capsys):
    other = tmp_path / "other.txt"
    lines = [f"04/10/2021, 18:{n} - Mona: something else altogether {n}\n" for n in range(30, 50)]
    other.write_text("".join(lines))
    assert run(chat, other, "--plan") == 2
    assert "shares no message with the other exports" in capsys.readouterr().err


def test_a_plan_warns_of_what_is_no_group_and_of_the_future(tmp_path, capsys):
    pair = tmp_path / "WhatsApp Chat with Omar.txt"
    soon = datetime.now(UTC) + timedelta(days=20)
    pair.write_text(f"04/10/2021, 18:38 - Sara: hello\n{soon:%d/%m/%Y}, 18:39 - Omar: here\n")
    assert run(pair, "--plan") == 0
    shown = capsys.readouterr().out
    assert "a chat of two people" in shown
    assert "1 messages are from the future" in shown


def test_a_picture_that_is_none_is_named_before_the_homeserver_starts(chat, tmp_path, capsys):
    assert run(chat, "--yes", "--picture", tmp_path / "group.txt") == 2
    assert "group.txt is no picture" in capsys.readouterr().err
    assert not list(Profile("default").homeserver.iterdir())


def test_a_dry_run_lists_each_step_in_its_order(chat, team, capsys):
    assert run(chat, "--dry-run", "--json", "--team", team) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    kinds = [step.split()[1] for step in steps]
    assert list(dict.fromkeys(kinds)) == ["make", "register", "name", "send", "invite"]
    assert kinds.count("send") == len(EXPORT.splitlines())

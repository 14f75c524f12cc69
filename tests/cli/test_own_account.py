"""``fallback migrate --account``: a group's history told by an ordinary account."""

import asyncio
import json
import zipfile

import pytest

from fallback import compose
from fallback.__main__ import main as program
from fallback.core.events import Message
from fallback.paths import Profile

EXPORT = """\
04/10/2021, 18:38 - Sara created group "Newsroom"
04/10/2021, 18:38 - Sara: good evening
04/10/2021, 18:39 - Sara: who comes?
04/10/2021, 18:41 - أحمد: نعم
05/10/2021, 09:00 - Omar: note.txt (file attached)
"""


@pytest.fixture
def chat(tmp_path):
    path = tmp_path / "WhatsApp Chat with Newsroom.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("WhatsApp Chat with Newsroom.txt", EXPORT)
        made.writestr("note.txt", "a note")
    return path


def run(*arguments):
    try:
        program(["migrate", *map(str, arguments), "--date-order", "DMY", "--timezone", "UTC"])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_a_profile_without_an_account_is_told_to_sign_in(chat, capsys):
    assert run(chat, "--account", "--plan") == 4
    assert "fallback login" in capsys.readouterr().err


def test_a_choice_without_the_account_is_refused(chat, capsys):
    assert run(chat, "--history", "last:5", "--plan") == 2
    assert "--account" in capsys.readouterr().err


def test_what_is_no_choice_is_refused(chat, capsys):
    assert run(chat, "--account", "--history", "some") == 2
    assert "last:500" in capsys.readouterr().err


@pytest.fixture
def account(live):
    """Sign the profile in to an ordinary account of its own."""
    made = asyncio.run(live.account("teller"))

    async def enter():
        async with compose.open_store(Profile("default")) as store:
            await compose.sign_in(store, live.url, made.user, made.password)

    asyncio.run(enter())
    return made.user


def room_of(told):
    """Read the messages of the room as its owner, oldest first."""

    async def read():
        async with compose.signed_in(Profile("default")) as (_, side):
            return [one async for one in side.history(told["room"]) if isinstance(one, Message)]

    return asyncio.run(read())


synapse = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


class TestAgainstSynapse:
    pytestmark = synapse

    def test_the_plan_says_in_how_many_messages_and_how_long(self, account, chat, capsys):
        assert run(chat, "--account", "--plan") == 0
        shown = capsys.readouterr().out
        assert f"{account} tells it" in shown
        assert "5 of 5 events in 4 messages" in shown
        assert run(chat, "--account", "--plan", "--json", "--history", "since:2021-10-05") == 0
        assert json.loads(capsys.readouterr().out)["estimate"]["events"] == 1

    def test_a_dry_run_names_every_message_and_sends_none(self, account, chat, capsys):
        assert run(chat, "--account", "--dry-run") == 0
        steps = [line for line in capsys.readouterr().out.splitlines() if line.startswith("would send")]
        assert len(steps) == 4
        assert "(2 events) for 'Sara'" in steps[1]

    def test_all_is_told_with_names_and_times_and_once(self, account, chat, capsys):
        for _ in range(2):
            assert run(chat, "--account", "--json") == 0
            told = json.loads(capsys.readouterr().out.splitlines()[-1])
            assert (told["verification"]["found"], told["differences"], told["refused"]) == (5, 0, {})
        messages = room_of(told)
        assert [
            (one.sender.name, one.text.replace("\u2066", "").replace("\u2069", "")) for one in messages
        ] == [
            ("Sara", "2021-10-04 18:38 good evening\n18:39 who comes?"),
            ("أحمد", "2021-10-04 18:41 نعم"),
            ("Omar", "2021-10-05 09:00"),
        ]
        assert messages[2].attachment.filename == "note.txt"
        assert messages[2].attachment.keys

    def test_a_group_that_is_in_a_room_already_gets_its_history_in_another_one(self, account, chat, capsys):
        assert run(chat, "--account", "--history", "none", "--json") == 0
        live = json.loads(capsys.readouterr().out.splitlines()[-1])["room"]
        assert run(chat, "--account", "--beside", live, "--space", "Ward 7", "--json") == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["room"] != live
        assert told["verification"]["found"] == 5
        assert len(room_of(told)) == 3
        assert room_of({"room": live}) == []

    def test_the_archive_is_one_encrypted_file_in_the_room_and_stays_in_the_profile(
        self, account, chat, capsys
    ):
        for _ in range(2):
            assert run(chat, "--account", "--history", "archive", "--yes") == 0
        room = capsys.readouterr().out.splitlines()[0].removeprefix("room: ")
        messages = room_of({"room": room})
        assert [one.attachment.filename for one in messages] == ["Newsroom.zip"]
        assert messages[0].attachment.keys
        pages = list((Profile("default").data / "archives").glob("*/index.html"))
        assert len(pages) == 1
        assert "good evening" in pages[0].read_text()

        async def found():
            async with compose.open_store(Profile("default")) as store:
                return await store.search("evening")

        assert [row.event.sender.name for row in asyncio.run(found())] == ["Sara"]

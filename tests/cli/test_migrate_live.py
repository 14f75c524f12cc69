"""``fallback migrate``, ``verify-migration`` and ``invite`` against the real Synapse: killed, stopped, continued."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import zipfile

import pytest

from fallback import compose
from fallback.core.ids import ChatId, PortalId, RoomId, UserId
from fallback.core.ports import Portal
from fallback.core.verification import report_key
from fallback.paths import Profile

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("migrate")]
COUNT = 2400
GAP = (50, 51)
EARLY = [number for number in range(COUNT) if number not in GAP]
POLL = "01/10/2021, 00:00 - Omar: POLL:\nWhen?\nOPTION: Today (2 votes)\nOPTION: Tomorrow (0 votes)\n"
READING = ("--date-order", "DMY", "--timezone", "UTC")
PEOPLE = ("Sara", "Omar", "+962 79 000 0001")


def line(number, text=""):
    minute, hour, day = number % 60, number // 60 % 24, 1 + number // 1440
    return f"{day:02}/10/2021, {hour:02}:{minute:02} - {PEOPLE[number % 3]}: {text or f'message {number}'}\n"


def write(path, numbers, text="", subject="Newsroom"):
    """Write an export with a poll and a file in every 400th message."""
    lines = [f'01/10/2021, 00:00 - Sara created group "{subject}"\n', *(() if text else (POLL,))]
    with zipfile.ZipFile(path, "w") as archive:
        for number in numbers:
            if number % 400 == 7:
                name = f"IMG-{number}.jpg"
                archive.writestr(name, f"bytes of {name}")
                lines.append(line(number, f"{name} (file attached)"))
            else:
                lines.append(line(number, f"{text} {number}" if text else ""))
        archive.writestr(f"WhatsApp Chat with {subject}.txt", "".join(lines))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("migration")


@pytest.fixture(autouse=True)
def one_home(home, monkeypatch):
    monkeypatch.setenv("FALLBACK_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("FALLBACK_CONFIG_HOME", str(home / "config"))


def command(*arguments):
    return [sys.executable, "-m", "fallback", *map(str, arguments)]


def run(*arguments, **environment):
    return subprocess.run(
        command(*arguments),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def until(words, sign, *arguments):
    """Run a command, give it a signal when it says some words, and return its exit code and what it said."""
    with subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        said = ""
        for told in process.stderr:
            said += told
            if sign and words in told:
                process.send_signal(sign)
                sign = None
        return process.wait(), said


@pytest.fixture(scope="module")
def export(home):
    return write(home / "chat.zip", EARLY)


@pytest.fixture(scope="module")
def later(home):
    return write(home / "later.zip", range(COUNT + 5), subject="News desk")


def migrated(export, *more):
    done = run("migrate", export, *READING, "--json", *more)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_killed_and_stopped_in_an_encrypted_room_it_ends_without_a_difference(export):
    code, said = until("importing: 480 of", signal.SIGKILL, "migrate", export, *READING, "--yes")
    assert code == -signal.SIGKILL, said
    code, said = until("importing: 1680 of", signal.SIGINT, "migrate", export, *READING, "--yes")
    assert code == 130, said
    assert "stopping when what is on its way is in" in said
    assert "Run the same command again" in said
    told = migrated(export)
    assert told["plan"]["room"]["encrypted"]
    assert 480 <= told["plan"]["known"] < COUNT
    assert (told["differences"], told["refused"]) == (0, {})
    assert told["verification"]["found"] == told["verification"]["expected"] == COUNT
    assert told["verification"]["files_seen"] == 6


def test_another_time_it_is_read_back_by_its_own_command(export):
    done = run("verify-migration", export, *READING, "--media", "all")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{COUNT} in the room, 0 differences; 6 files compared" in done.stdout

    async def kept():
        async with compose.open_store(Profile("default")) as store:
            (portal,) = await store.portals()
            return await store.get(report_key(portal.id))

    report = json.loads(asyncio.run(kept()))
    assert report["differences"] == 0
    assert report["found"]["files_seen"] == 6


def test_a_later_export_adds_what_is_new_and_fills_gaps_though_the_group_has_another_name(export, later):
    before = migrated(export)
    told = migrated(later)
    assert told["room"] == before["room"]
    new = ["created under another name", *GAP, *range(COUNT, COUNT + 5)]
    assert (told["plan"]["events"] - told["plan"]["known"], told["differences"]) == (len(new), 0)
    assert told["plan"]["late"] == told["verification"]["late"] == 1 + len(GAP)


def test_another_group_of_the_same_name_is_refused_before_anything_is_sent(home):
    other = write(home / "other.zip", range(1, 50), text="of another group")
    done = run("migrate", other, *READING, "--plan")
    assert done.returncode == 2
    assert "another group than the one that was moved" in done.stderr


@pytest.fixture(scope="module")
def homeserver(home):
    """The profile's homeserver, left running."""
    environment = {"FALLBACK_DATA_HOME": str(home / "data"), "FALLBACK_CONFIG_HOME": str(home / "config")}
    assert run("homeserver", "start", "--detach", **environment).returncode == 0
    yield json.loads(run("homeserver", "status", "--json", **environment).stdout)["url"]
    run("homeserver", "stop", **environment)


def test_who_has_no_device_yet_is_invited_later_and_then_reads_it_all(home, export, later, homeserver):
    for one in (export, later):
        migrated(one)
    account = json.loads(run("homeserver", "add-user", "sara", "--json").stdout)
    assert run("contacts", "add", "Sara", "--matrix", account["user"]).returncode == 0
    done = run("invite", "--all-matched", "--sheets", home / "sheets", "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert [(one["user"], one["standing"]) for one in told["invitations"]] == [(account["user"], "postponed")]
    sheets = [file.read_text() for file in sorted((home / "sheets").iterdir())]
    assert sum("Registration token" in text for text in sheets) == 2
    assert sum(account["user"] in text for text in sheets) == 1

    password = home / "password"
    password.write_text(account["password"])
    signed = run(
        "--profile", "sara", "login", account["user"], "--homeserver", homeserver,
        FALLBACK_PASSWORD_FILE=str(password),
    )  # fmt: skip
    assert signed.returncode == 0, signed.stderr[-2000:]
    invited = json.loads(run("invite", account["user"], "--json").stdout)["invitations"]
    assert [one["standing"] for one in invited] == ["invited"]

    async def accept():
        async with compose.signed_in(Profile("sara")) as (store, side):
            room = RoomId(told["room"])
            await side.accept(room)
            await store.save_portal(Portal(id=PortalId(room), chat=ChatId(room), room=room, name="News desk"))
            return (await side.room_state(room)).admins

    assert UserId(account["user"]) in asyncio.run(accept())
    done = run("--profile", "sara", "verify-migration", later, *READING, "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)["verification"]
    assert (found["found"], found["files_seen"]) == (COUNT + 7, 6)

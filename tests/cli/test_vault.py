"""``fallback vault``: locking, slots, backups, as a person uses them."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.__main__ import main as program
from fallback.cli import main
from fallback.errors import AuthError, ProfileBusyError, StoreError, UsageError
from fallback.paths import Profile
from fallback.store.lock import ProfileLock
from fallback.store.sqlite import SqliteStore

SECRETS = {"old": "correct horse", "new": "battery staple"}


@pytest.fixture(autouse=True)
def nobody_to_ask(monkeypatch):
    monkeypatch.delenv("FALLBACK_PASSPHRASE_FILE", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def secret(tmp_path):
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text + "\n")
    return lambda name: str(tmp_path / name)


@pytest.fixture
def where():
    """A profile with a row, which its key file opens."""
    profile = Profile()

    async def fill():
        async with compose.open_store(profile) as store:
            await store.put("word", "kept")

    asyncio.run(fill())
    return profile


def run(*arguments, profile="default", opens=None, text=None):
    env = {"FALLBACK_PASSPHRASE_FILE": opens} if opens else {}
    done = CliRunner().invoke(main, ["--profile", profile, *arguments], env=env, input=text)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def read_back(profile):
    async def read():
        async with compose.open_store(profile) as store:
            return await store.get("word")

    return asyncio.run(read())


def test_status_of_a_profile_that_never_started_makes_nothing():
    shown = json.loads(run("vault", "status", "--json").stdout)
    assert shown["asks"] is False
    assert shown["slots"] == []
    assert shown["vault"].startswith("none yet")
    assert list(Profile().data.iterdir()) == []


def test_status_tells_what_opens_the_profile(where, secret):
    assert "asks      nothing" in run("vault", "status").stdout
    run("vault", "passphrase", "--passphrase-file", secret("old"), "--only")
    shown = json.loads(run("vault", "status", "--json").stdout)
    assert shown["asks"] is True
    assert [(slot["kind"], slot["at_hand"]) for slot in shown["slots"]] == [("passphrase", False)]
    assert "for the passphrase" in run("vault", "status").stdout


def test_status_of_an_older_profile_says_that_its_key_will_move():
    where = Profile()

    async def older():
        await (await SqliteStore.open(where.store_file)).close()

    asyncio.run(older())
    assert "moves into one at the next start" in run("vault", "status").stdout
    assert run("status").exit_code == 0
    assert "version 1, 1 slot" in run("vault", "status").stdout


def test_a_profile_with_a_passphrase_opens_with_it_alone(where, secret, monkeypatch):
    run("vault", "passphrase", "--passphrase-file", secret("old"), "--only")
    before = {file: file.read_bytes() for file in where.data.iterdir() if file.suffix != ".lock"}
    with pytest.raises(AuthError, match="no terminal to ask at"):
        run("status")
    with pytest.raises(AuthError, match="the passphrase is wrong"):
        run("status", opens=secret("new"))
    assert {file: file.read_bytes() for file in where.data.iterdir() if file.suffix != ".lock"} == before
    assert run("status", opens=secret("old")).exit_code == 0
    monkeypatch.setenv("FALLBACK_PASSPHRASE_FILE", secret("old"))
    assert read_back(where) == "kept"


def test_a_passphrase_beside_a_key_file_says_that_the_file_still_opens(where, secret):
    shown = run("vault", "passphrase", "--passphrase-file", secret("old"))
    assert "still opens without it: file " in shown.stderr
    assert read_back(where) == "kept"


def test_slots_come_and_go(where, secret, tmp_path):
    run("vault", "passphrase", "--passphrase-file", secret("old"), "--only")
    stick = tmp_path / "stick.key"
    assert (
        "added file" in run("vault", "slots", "add", "file", "--file", str(stick), opens=secret("old")).stdout
    )
    assert read_back(where) == "kept"
    run("vault", "slots", "add", "passphrase", "--passphrase-file", secret("new"))
    rows = json.loads(run("vault", "slots", "list", "--json").stdout)["slots"]
    assert [row["kind"] for row in rows] == ["passphrase", "file", "passphrase"]
    assert "at hand" in run("vault", "slots", "list").stdout
    run("vault", "slots", "remove", rows[0]["id"])
    run("vault", "slots", "remove", rows[1]["id"])
    with pytest.raises(AuthError):
        run("status", opens=secret("old"))
    with pytest.raises(UsageError, match="the only one left"):
        run("vault", "slots", "remove", rows[2]["id"], opens=secret("new"))


def test_a_credential_from_systemd_opens(where, secret, tmp_path, monkeypatch):
    (tmp_path / "fallback-key").write_bytes(os.urandom(32))
    run("vault", "slots", "add", "credential", "--file", str(tmp_path / "fallback-key"))
    run("vault", "slots", "remove", json.loads(run("vault", "status", "--json").stdout)["slots"][0]["id"])
    with pytest.raises(AuthError, match="handed over no credential"):
        run("status")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_back(where) == "kept"


def test_a_keyring_without_its_package_says_what_to_install(where, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AuthError, match="keyring is not installed"):
        run("vault", "slots", "add", "keyring")


def test_a_profile_in_use_is_backed_up_but_not_changed(where, secret, tmp_path):
    run("vault", "passphrase", "--passphrase-file", secret("old"))
    with ProfileLock(where.lock_file, where.name):
        with pytest.raises(ProfileBusyError):
            run("vault", "passphrase", "--passphrase-file", secret("new"))
        run("vault", "backup", str(tmp_path / "x.backup"))
    assert (tmp_path / "x.backup").exists()


def test_a_backup_restores_everything_on_another_machine(where, secret, tmp_path, monkeypatch):
    where.config_file.parent.mkdir(parents=True)
    where.config_file.write_text('[interface]\nlanguage = "ar"\n')
    target = str(tmp_path / "x.backup")
    made = json.loads(run("vault", "backup", target, "--passphrase-file", secret("new"), "--json").stdout)
    assert made["files"] == 3
    assert made["profile"] == "default"
    monkeypatch.setenv("FALLBACK_DATA_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("FALLBACK_CONFIG_HOME", str(tmp_path / "elsewhere-config"))
    other = Profile("work")
    shown = run("vault", "restore", target, "--dry-run", "--passphrase-file", secret("new"), profile="work")
    assert "would restore: profile default" in shown.stdout
    assert not other.store_file.exists()
    asked = run("vault", "restore", target, "--passphrase-file", secret("new"), profile="work", text="n\n")
    assert "nothing was changed" in asked.stderr
    assert not other.store_file.exists()
    with pytest.raises(AuthError, match="the passphrase is wrong"):
        run("vault", "restore", target, "--yes", "--passphrase-file", secret("old"), profile="work")
    done = run("vault", "restore", target, "--json", "--passphrase-file", secret("new"), profile="work")
    assert json.loads(done.stdout) == made
    assert read_back(other) == "kept"
    assert "language" in other.config_file.read_text()
    with pytest.raises(UsageError, match="is not empty"):
        run("vault", "restore", target, "--yes", "--passphrase-file", secret("new"), profile="work")


def test_a_restore_keeps_the_settings_that_are_there(where, secret, tmp_path):
    target = str(tmp_path / "x.backup")
    run("vault", "backup", target, "--passphrase-file", secret("new"))
    other = Profile("work")
    other.config_file.parent.mkdir(parents=True)
    other.config_file.write_text('[interface]\nlanguage = "en"\n')
    shown = run("vault", "restore", target, "--yes", "--passphrase-file", secret("new"), profile="work")
    assert "stays as it is" in shown.stderr
    assert "en" in other.config_file.read_text()


def test_what_can_not_be_backed_up_or_restored_is_told(where, secret, tmp_path):
    with pytest.raises(UsageError, match="nothing to back up"):
        run("vault", "backup", str(tmp_path / "x"), profile="empty")
    with pytest.raises(UsageError, match="inside the profile"):
        run("vault", "backup", str(where.data / "x"))
    with pytest.raises(UsageError, match="there already"):
        run("vault", "backup", secret("old"))
    with pytest.raises(StoreError, match="is no backup"):
        run("vault", "restore", secret("old"), profile="other")
    with pytest.raises(SystemExit) as end:
        program(["--profile", "other", "vault", "restore", str(tmp_path / "none")])
    assert end.value.code == 1


# At a terminal


class Terminal:
    """A command at a terminal of its own; what it shows and how it ends."""

    def __init__(self, *arguments):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fallback", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def until(self, text):
        while text not in self.shown:
            try:
                step = os.read(self.ours, 1000).decode()
            except OSError:
                step = ""
            assert step, self.shown
            self.shown += step
        self.shown = self.shown.partition(text)[2]

    def type(self, text):
        os.write(self.ours, text.encode() + b"\n")

    def end(self):
        code = self.process.wait(20)
        os.close(self.ours)
        return code


def test_a_passphrase_is_typed_twice_and_never_shown(where):
    shell = Terminal("vault", "passphrase", "--only")
    shell.until("New passphrase: ")
    shell.type("correct horse")
    shell.until("Once more: ")
    shell.type("correct horse")
    shell.until("passphrase set")
    assert "horse" not in shell.shown
    assert shell.end() == 0
    shell = Terminal("status")
    shell.until("Passphrase of profile default: ")
    shell.type("wrong")
    shell.until("Wrong. Passphrase of profile default: ")
    shell.type("correct horse")
    shell.until("account   none yet")
    assert shell.end() == 0


def test_two_passphrases_that_differ_change_nothing(where):
    before = (where.data / "vault.json").read_bytes()
    shell = Terminal("vault", "passphrase")
    shell.until("New passphrase: ")
    shell.type("correct horse")
    shell.until("Once more: ")
    shell.type("correct house")
    shell.until("the two passphrases differ")
    assert shell.end() == 4
    assert (where.data / "vault.json").read_bytes() == before


def test_an_interrupt_at_the_question_ends_the_program(where, secret):
    run("vault", "passphrase", "--passphrase-file", secret("old"), "--only")
    shell = Terminal("status")
    shell.until("Passphrase of profile default: ")
    shell.process.send_signal(signal.SIGINT)
    shell.until("stopped")
    assert shell.end() == 130

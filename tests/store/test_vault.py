"""The vault of a profile: who opens it, how it changes, and what a crash leaves."""

import json
import logging
import resource
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import AuthError, StoreError, UsageError
from fallback.store import keys, vault
from fallback.store.slots import Cost
from fallback.store.sqlite import SqliteStore

LIGHT = Cost(memory=32, passes=1, lanes=1)
OLD, NEW = b"correct horse", b"battery staple"


def open_with(path, *passphrases):
    return vault.open_or_make(path, passphrases)


@pytest.fixture
def locked(path):
    """A profile that only its passphrase opens."""
    made = open_with(path)
    made.set_passphrase(OLD, cost=LIGHT, only=True)
    return made


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# A profile's first vault


def test_a_new_profile_opens_without_a_question(path):
    made = open_with(path)
    again = open_with(path)
    for purpose in ("db", "nio", "media", "backup"):
        assert made.subkey(purpose) == again.subkey(purpose)
    assert [slot.kind for slot in again.file.slots] == ["file"]
    assert again.opened == again.file.slots[0].id
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "vault.json": 0o600,
        "vault.key": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_two_profiles_share_no_key(path, tmp_path):
    assert open_with(path).subkey("db") != open_with(tmp_path / "other" / "store.db").subkey("db")


def test_no_key_is_readable_in_the_vault_or_the_log(path, caplog):
    with caplog.at_level(logging.DEBUG):
        made = open_with(path)
        made.set_passphrase(OLD, cost=LIGHT)
    text = (path.parent / "vault.json").read_text() + caplog.text + repr(made)
    for key in (made.root, made.subkey("db"), (path.parent / "vault.key").read_bytes(), OLD):
        assert key.hex() not in text
        assert repr(key) not in text


def test_core_dumps_are_off_once_a_vault_is_open(path):
    open_with(path)
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_a_store_without_its_vault_gets_no_new_one(path):
    open_with(path)
    path.write_bytes(b"database")
    (path.parent / "vault.json").unlink()
    with pytest.raises(StoreError, match=r"the vault of .* is missing"):
        open_with(path)
    assert not (path.parent / "vault.json").exists()


# A profile from before the vault


@pytest.fixture
async def older(path):
    """A profile whose key is in ``store.key``; gives the key."""
    store = await SqliteStore.open(path)
    await store.put("word", "kept")
    await store.close()
    return keys.read(keys.key_file(path))


async def read_back(path, *passphrases):
    store = await SqliteStore.open(path, open_with(path, *passphrases).subkey("db"))
    kept = await store.get("word")
    await store.close()
    return kept


async def test_an_older_profile_goes_on_with_its_key_in_the_vault(path, older):
    before = path.read_bytes()
    made = open_with(path)
    assert made.subkey("db") == older
    assert made.subkey("nio") != older
    assert path.read_bytes() == before
    assert not keys.key_file(path).exists()
    assert older.hex() not in (path.parent / "vault.json").read_text()
    assert await read_back(path) == "kept"
    open_with(path).set_passphrase(OLD, cost=LIGHT, only=True)
    assert await read_back(path, OLD) == "kept"


async def test_a_key_that_is_not_the_stores_is_not_taken_over(path, older):
    keys.key_file(path).write_text("00" * 32)
    with pytest.raises(StoreError, match="another key"):
        open_with(path)
    assert not (path.parent / "vault.json").exists()
    keys.key_file(path).write_text(older.hex())
    assert await read_back(path) == "kept"


async def test_a_key_file_that_a_crash_left_is_removed(path, older):
    open_with(path)
    keys.durable(keys.key_file(path), older.hex().encode())
    assert await read_back(path) == "kept"
    assert not keys.key_file(path).exists()


@pytest.mark.usefixtures("older")
async def test_a_foreign_key_file_beside_a_vault_is_left_alone(path):
    open_with(path)
    keys.durable(keys.key_file(path), b"00" * 32)
    assert await read_back(path) == "kept"
    assert keys.key_file(path).exists()


@pytest.mark.usefixtures("older")
def test_a_key_that_was_taken_over_is_bound_to_its_purpose(path):
    made = open_with(path)
    sealed = made.file.keys["db"]
    made.file = msgspec.structs.replace(made.file, keys={"nio": sealed})
    with pytest.raises(AuthError, match="damaged"):
        made.subkey("nio")


# Passphrases and slots


def test_a_passphrase_opens_what_the_key_file_opened(path):
    made = open_with(path)
    key = made.subkey("db")
    made.set_passphrase(OLD, cost=LIGHT)
    (path.parent / "vault.key").unlink()
    assert open_with(path, OLD).subkey("db") == key
    assert open_with(path, b"wrong", b"wrong again", OLD).subkey("db") == key


def test_a_changed_passphrase_opens_and_the_old_one_no_more(path, locked):
    key = locked.subkey("db")
    open_with(path, OLD).set_passphrase(NEW, cost=LIGHT)
    assert open_with(path, NEW).subkey("db") == key
    with pytest.raises(AuthError):
        open_with(path, OLD)
    assert len(vault.load(path.parent).slots) == 1


def test_only_a_passphrase_removes_the_key_file(path, locked):
    assert [slot.kind for slot in locked.file.slots] == ["passphrase"]
    assert not (path.parent / "vault.key").exists()


def test_a_wrong_passphrase_touches_nothing(path, locked):
    path.write_bytes(b"database")
    before = contents(path.parent)
    with pytest.raises(AuthError) as caught:
        open_with(path, b"wrong", NEW)
    assert caught.value.message == "the passphrase is wrong, or the vault is damaged"
    assert contents(path.parent) == before


@pytest.mark.usefixtures("locked")
def test_a_damaged_slot_is_told_as_a_wrong_passphrase_is(path):
    with pytest.raises(AuthError) as wrong:
        open_with(path, NEW)
    file = path.parent / "vault.json"
    whole = json.loads(file.read_text())
    for field, value in (("wrapped", "00" * 60), ("wrapped", ""), ("salt", "00" * 16), ("id", "00000000")):
        file.write_text(json.dumps({**whole, "slots": [{**whole["slots"][0], field: value}]}))
        with pytest.raises(AuthError) as damaged:
            open_with(path, OLD)
        assert str(damaged.value) == str(wrong.value)
        assert damaged.value.hint == wrong.value.hint


def test_any_of_several_passphrases_opens_and_is_the_one_that_changes(path, locked):
    second = locked.add("passphrase", NEW, cost=LIGHT)
    assert open_with(path, OLD).subkey("db") == open_with(path, NEW).subkey("db")
    opened = open_with(path, NEW)
    assert opened.opened == second.id
    opened.set_passphrase(b"third of them", cost=LIGHT)
    open_with(path, OLD)
    open_with(path, b"third of them")
    with pytest.raises(AuthError):
        open_with(path, NEW)


def test_with_several_passphrases_a_key_file_says_which_one_changes(path):
    made = open_with(path)
    made.set_passphrase(OLD, cost=LIGHT)
    second = made.add("passphrase", NEW, cost=LIGHT)
    again = open_with(path)
    with pytest.raises(UsageError, match="there are 2 passphrases"):
        again.set_passphrase(b"third of them", cost=LIGHT)
    with pytest.raises(UsageError, match="holds no passphrase"):
        again.set_passphrase(b"third of them", cost=LIGHT, slot=again.opened)
    again.set_passphrase(b"third of them", cost=LIGHT, slot=second.id)
    (path.parent / "vault.key").unlink()
    open_with(path, OLD)
    open_with(path, b"third of them")


def test_the_last_slot_stays(path, locked):
    before = contents(path.parent)
    with pytest.raises(UsageError, match="the only one left"):
        locked.remove(locked.file.slots[0].id)
    with pytest.raises(UsageError, match="there is no slot"):
        locked.remove("ffffffff")
    assert contents(path.parent) == before


def test_a_vault_has_sixteen_slots_at_most(path, locked):
    for _ in range(15):
        locked.add("passphrase", NEW, cost=LIGHT)
    with pytest.raises(UsageError, match="16 slots"):
        locked.add("passphrase", NEW, cost=LIGHT)
    file = path.parent / "vault.json"
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "slots": whole["slots"] * 2}))
    with pytest.raises(StoreError, match="is damaged"):
        open_with(path, OLD)


def test_a_slot_comes_and_goes(path, locked):
    key = locked.subkey("db")
    slot = locked.add("file")
    assert open_with(path).subkey("db") == key
    with pytest.raises(UsageError, match="already"):
        locked.add("file")
    locked.remove(slot.id)
    assert not (path.parent / "vault.key").exists()
    with pytest.raises(AuthError):
        open_with(path)


def test_a_key_file_elsewhere_stays_when_its_slot_goes(path, locked, tmp_path):
    slot = locked.add("file", source=str(tmp_path / "stick.key"))
    open_with(path)
    locked.remove(slot.id)
    assert (tmp_path / "stick.key").exists()
    with pytest.raises(AuthError):
        open_with(path)


def test_a_key_file_without_a_slot_is_removed(path, locked):
    keys.make(path.parent / "vault.key")
    open_with(path, OLD)
    assert not (path.parent / "vault.key").exists()


def test_a_wrong_key_file_is_passed_over_for_the_passphrase(path):
    made = open_with(path)
    made.set_passphrase(OLD, cost=LIGHT)
    for content in ("00" * 32, "no key"):
        (path.parent / "vault.key").write_text(content)
        assert open_with(path, OLD).subkey("db") == made.subkey("db")


def test_without_a_passphrase_the_error_names_what_is_missing(path):
    open_with(path)
    (path.parent / "vault.key").write_text("00" * 32)
    with pytest.raises(AuthError, match=r"the file vault\.key does not fit"):
        open_with(path)
    (path.parent / "vault.key").unlink()
    with pytest.raises(AuthError, match=r"vault\.key is missing"):
        open_with(path)


@pytest.mark.usefixtures("locked")
def test_nobody_is_asked_while_something_else_opens(path):
    def questions():
        raise AssertionError
        yield b""

    open_with(path, OLD).add("file")
    vault.open_or_make(path, questions())


def test_a_short_passphrase_changes_nothing(path, locked):
    before = contents(path.parent)
    with pytest.raises(AuthError, match="too short"):
        locked.set_passphrase(b"short")
    assert contents(path.parent) == before


# The file


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "newer version"),
        ({"version": 2, "shape": "new"}, "newer version"),
        ({"version": 0}, "is no vault"),
        ({"format": "something"}, "is no vault"),
        ({"slots": []}, "is no vault"),
        ({"slots": 1}, "is damaged"),
        ({"more": 1}, "is damaged"),
        ({"version": "1"}, "is damaged"),
    ],
)
def test_a_vault_of_another_kind_is_refused(path, locked, change, says):
    file = path.parent / "vault.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    before = contents(path.parent)
    with pytest.raises(StoreError, match=says) as caught:
        open_with(path, OLD)
    assert caught.value.hint
    assert contents(path.parent) == before


def test_each_byte_of_the_file_counts(path):
    keys.durable(keys.key_file(path), b"00" * 32)
    made = open_with(path)
    made.set_passphrase(OLD, cost=LIGHT, only=True)
    whole = (path.parent / "vault.json").read_bytes()
    meant = vault.parse(whole, "whole")
    opened = 0
    for place in range(len(whole)):
        for flip in (0x01, 0x20):
            changed = bytearray(whole)
            changed[place] ^= flip
            try:
                file = vault.parse(bytes(changed), "changed")
                vault.unlock(path.parent, file, [OLD]).subkey("db")
            except (AuthError, StoreError):
                continue
            assert file == meant
            opened += 1
    assert opened < len(whole) // 3  # white space alone


@given(st.binary(max_size=300))
def test_what_is_no_vault_is_an_error_and_no_crash(data):
    with pytest.raises(StoreError):
        vault.parse(data, "x")


# Crashes

KILLER = """
import os, shutil, sys
from pathlib import Path
from fallback.store import vault
from fallback.store.slots import Cost
home, operation = Path(sys.argv[1]), sys.argv[2]
OLD, NEW, LIGHT = b"correct horse", b"battery staple", Cost(memory=32, passes=1, lanes=1)

def run(folder):
    opened = vault.open_or_make(folder / "store.db", [OLD])
    if operation == "passphrase":
        opened.set_passphrase(NEW, cost=LIGHT)
    elif operation == "only":
        opened.set_passphrase(NEW, cost=LIGHT, only=True)
    elif operation == "remove":
        opened.remove(opened.file.of("file")[0].id)

shutil.copytree(home / "before", home / "warm")
run(home / "warm")
for number in range(1, 100):
    folder = home / str(number)
    shutil.copytree(home / "before", folder)
    child = os.fork()
    if not child:
        left = number
        def hook(event, arguments):
            global left
            if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(str(folder)):
                left -= 1
                if not left:
                    os.kill(os.getpid(), 9)
        sys.addaudithook(hook)
        run(folder)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


def killed_at_each_step(home, operation):
    """Run an operation on copies of ``before``, each killed one step later, and give their folders."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(home), operation], capture_output=True, text=True, check=True
    )
    count = int(done.stdout)
    assert count > 4
    return [home / str(number) for number in range(1, count + 1)]


async def test_a_kill_during_the_migration_leaves_a_profile_that_opens(tmp_path):
    path = tmp_path / "before" / "store.db"
    store = await SqliteStore.open(path)
    await store.put("word", "kept")
    await store.close()
    for folder in killed_at_each_step(tmp_path, "migrate"):
        assert await read_back(folder / "store.db") == "kept"
        assert not (folder / "store.key").exists()


@pytest.mark.parametrize("operation", ["passphrase", "only", "remove"])
def test_a_kill_during_a_change_leaves_the_old_or_the_new_state(tmp_path, operation):
    path = tmp_path / "before" / "store.db"
    made = open_with(path)
    made.set_passphrase(OLD, cost=LIGHT, only=operation == "passphrase")
    key, changed = made.subkey("db"), []
    for folder in killed_at_each_step(tmp_path, operation):
        store = folder / "store.db"
        assert open_with(store, OLD, NEW).subkey("db") == key
        slots = vault.load(folder).slots
        changed.append(slots != made.file.slots)
        if operation != "passphrase":
            assert (folder / "vault.key").exists() == any(slot.kind == "file" for slot in slots)
    assert changed == sorted(changed)
    assert changed[0] is False
    assert changed[-1] is True


def test_a_kill_at_the_first_start_leaves_a_profile_that_starts(tmp_path):
    (tmp_path / "before").mkdir(mode=0o700)
    for folder in killed_at_each_step(tmp_path, "new"):
        key = open_with(folder / "store.db").subkey("db")
        assert open_with(folder / "store.db").subkey("db") == key
        assert not (folder / "vault.json.new").exists()

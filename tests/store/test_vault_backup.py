"""Backups: one encrypted file, whole or refused, and a profile from it on another machine."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import Identity, Message
from fallback.errors import AuthError, StoreError, UsageError
from fallback.matrix.crypto.client import SafeClient
from fallback.store import backup, restore, vault
from fallback.store.lock import ProfileLock
from fallback.store.slots import Cost
from fallback.store.sqlite import SqliteStore
from fallback.store.stream import CHUNK, Opener, Sealer

LIGHT = Cost(memory=32, passes=1, lanes=1)
OLD, NEW = b"correct horse", b"battery staple"
WORD = "heliotrope"
MANIFEST = backup.Manifest(profile="work", program="1", created=1, root="")
KEY = bytes(32)


@pytest.fixture
async def profile(path):
    """A profile with rows, settings, media and a homeserver's database; gives its open vault."""
    opened = vault.open_or_make(path, ())
    opened.set_passphrase(OLD, cost=LIGHT)
    store = await SqliteStore.open(path, opened.subkey("db"))
    for number in range(50):
        said = Message(id=f"m{number}", chat="c", sender=Identity(name="Huda"), text=f"{WORD} {number}")
        await store.record("news", said)
    await store.close()
    folder = path.parent
    (folder / "media").mkdir()
    (folder / "media" / "a.bin").write_bytes(os.urandom(3 * CHUNK))
    (folder / "homeserver" / "keys").mkdir(parents=True)
    (folder / "homeserver" / "keys" / "signing.key").write_text("seed")
    with closing(sqlite3.connect(folder / "homeserver" / "homeserver.db")) as database:
        database.execute("CREATE TABLE events (name TEXT)")
        database.execute("INSERT INTO events VALUES ('one')")
        database.commit()
    (folder / "fallback.log").write_text("log")
    (folder / "homeserver" / "homeserver.pid").write_text("1")
    (folder / "media" / "link").symlink_to("/etc/passwd")
    return opened


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config" / "fallback.toml"
    file.parent.mkdir()
    file.write_text('[interface]\nlanguage = "ar"\n')
    return file


def make(target, opened, config, passphrase=None):
    header, key = backup.header_for(opened, passphrase, LIGHT)
    manifest = backup.Manifest(profile="work", program="1", created=1, root=opened.root.hex())
    return backup.back_up(target, opened, header, key, manifest=manifest, config=config)


def looked(target, *passphrases):
    with target.open("rb") as source:
        header, start = backup.read_header(source, target.name)
        return restore.look(source, backup.key_of(header, passphrases), start, target.name)


def restored(target, data, config, *passphrases):
    data.mkdir(parents=True, exist_ok=True)
    with target.open("rb") as source, ProfileLock(data / "store.lock", "new") as lock:
        header, start = backup.read_header(source, target.name)
        key = backup.key_of(header, passphrases)
        return restore.restore(source, key, start, target.name, data=data, config=config, lock=lock)


async def rows_of(data, *passphrases):
    opened = vault.open_or_make(data / "store.db", passphrases)
    store = await SqliteStore.open(data / "store.db", opened.subkey("db"))
    rows = [row.event.text for row in await store.timeline("news", limit=1000)]
    await store.close()
    return rows


async def test_a_profile_opens_with_all_its_rows_on_another_machine(profile, config, tmp_path):
    target, data, settings = (
        tmp_path / "x.backup",
        tmp_path / "new" / "work",
        tmp_path / "c" / "fallback.toml",
    )
    made = make(target, profile, config)
    assert looked(target, OLD) == made
    again = restored(target, data, settings, OLD)
    assert sorted(await rows_of(data)) == sorted(f"{WORD} {number}" for number in range(50))
    assert again.subkey("nio") == profile.subkey("nio")
    assert settings.read_bytes() == config.read_bytes()
    assert (data / "media" / "a.bin").read_bytes() == (profile.folder / "media" / "a.bin").read_bytes()
    assert (data / "homeserver" / "keys" / "signing.key").read_text() == "seed"
    with closing(sqlite3.connect(data / "homeserver" / "homeserver.db")) as database:
        assert database.execute("SELECT name FROM events").fetchall() == [("one",)]
    for name in ("fallback.log", "homeserver/homeserver.pid", "media/link"):
        assert not (data / name).exists()
    assert {file.stat().st_mode & 0o777 for file in data.rglob("*") if file.is_file()} == {0o600}
    assert {file.stat().st_mode & 0o777 for file in [data, *data.rglob("*")] if file.is_dir()} == {0o700}
    assert sorted(file.name for file in data.parent.iterdir()) == ["work"]
    assert (data / "vault.key").read_bytes() != (profile.folder / "vault.key").read_bytes()
    (data / "vault.key").unlink()
    assert len(await rows_of(data, OLD)) == 50


async def test_a_backup_with_its_own_passphrase_opens_with_that_alone(profile, config, tmp_path):
    target = tmp_path / "x.backup"
    make(target, profile, config, NEW)
    with pytest.raises(AuthError):
        looked(target, OLD)
    restored(target, tmp_path / "new", config, NEW)
    assert len(await rows_of(tmp_path / "new")) == 50


async def test_a_profile_that_only_a_passphrase_opens_gets_no_key_file(profile, config, tmp_path):
    profile.set_passphrase(OLD, cost=LIGHT, only=True)
    target = tmp_path / "x.backup"
    make(target, profile, config, NEW)
    restored(target, tmp_path / "new", config, NEW)
    assert not (tmp_path / "new" / "vault.key").exists()
    assert len(await rows_of(tmp_path / "new", OLD)) == 50


async def test_a_profile_whose_secret_stays_behind_gets_a_key_file(profile, config, tmp_path):
    outside = profile.add("file", source=str(tmp_path / "stick.key"))
    for slot in profile.file.slots:
        if slot != outside:
            profile.remove(slot.id)
    target = tmp_path / "x.backup"
    with pytest.raises(AuthError, match="no passphrase"):
        make(target, profile, config)
    make(target, profile, config, NEW)
    (tmp_path / "stick.key").unlink()
    restored(target, tmp_path / "new", config, NEW)
    assert len(await rows_of(tmp_path / "new")) == 50


async def test_an_older_profile_keeps_its_key_through_a_backup(path, config, tmp_path):
    store = await SqliteStore.open(path)
    await store.record("news", Message(id="m", chat="c", text="old"))
    await store.close()
    target = tmp_path / "x.backup"
    make(target, vault.open_or_make(path, ()), config, NEW)
    restored(target, tmp_path / "new", config, NEW)
    assert await rows_of(tmp_path / "new") == ["old"]


async def test_a_profile_in_use_is_backed_up_as_it_is_at_one_moment(profile, config, tmp_path, path):
    store = await SqliteStore.open(path, profile.subkey("db"))
    await store.record("news", Message(id="late", chat="c", text="still in the log"))
    make(tmp_path / "x.backup", profile, config)
    await store.record("news", Message(id="later", chat="c", text="after"))
    await store.close()
    restored(tmp_path / "x.backup", tmp_path / "new", config, OLD)
    rows = await rows_of(tmp_path / "new")
    assert "still in the log" in rows
    assert "after" not in rows


def account(folder, opened):
    return SafeClient("http://127.0.0.1:9", "@a:s", "D", "t", folder=folder, key=opened.subkey("nio"))


async def test_the_keys_of_a_running_client_are_in_the_backup(profile, config, tmp_path):
    client = account(profile.folder, profile)
    make(tmp_path / "x.backup", profile, config)
    again = restored(tmp_path / "x.backup", tmp_path / "new", config, OLD)
    moved = account(tmp_path / "new", again)
    assert moved.own.ed25519 == client.own.ed25519
    await client.close()
    await moved.close()


async def test_a_database_with_a_foreign_key_stops_the_backup(profile, config, tmp_path):
    (profile.folder / "odd.db").write_bytes(os.urandom(8192))
    with pytest.raises(StoreError, match=r"odd\.db is damaged or has another key"):
        make(tmp_path / "x.backup", profile, config)
    assert not list(tmp_path.glob("x.backup*"))
    assert not list(profile.folder.rglob("*.backup-copy"))


async def test_nothing_is_written_over(profile, config, tmp_path):
    (tmp_path / "x.backup").write_text("precious")
    with pytest.raises(UsageError, match="there already"):
        make(tmp_path / "x.backup", profile, config)
    assert (tmp_path / "x.backup").read_text() == "precious"


# What others can read


def readable(folder, *secrets):
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            assert not [secret for secret in secrets if secret in content], file


async def test_nothing_is_readable_after_a_backup(profile, config, tmp_path):
    target = tmp_path / "out" / "x.backup"
    target.parent.mkdir()
    make(target, profile, config)
    keys = [profile.root, profile.subkey("db"), profile.subkey("backup")]
    hidden = [WORD.encode(), b"Huda", OLD, *keys, *(key.hex().encode() for key in keys)]
    readable(target.parent, *hidden, b"interface", b"seed", b"store.db", b"CREATE TABLE")
    readable(profile.folder, *hidden)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in target.parent.iterdir()] == ["x.backup"]
    restored(target, tmp_path / "new", config, OLD)
    readable(tmp_path / "new", *hidden)


KILLER = """
import os, sys
from pathlib import Path
from fallback.store import backup, vault
from fallback.store.slots import Cost
folder, target, steps = Path(sys.argv[1]), Path(sys.argv[2]), [int(one) for one in sys.argv[3:]]
opened = vault.open_or_make(folder / "store.db", ())
header, key = backup.header_for(opened)
manifest = backup.Manifest("work", "1", 1, opened.root.hex())
for step in steps:
    child = os.fork()
    if not child:
        left = step
        def hook(event, arguments):
            global left
            if event in ("open", "os.rename", "os.remove") and isinstance(arguments[0], (str, Path)):
                left -= 1
                if not left:
                    os.kill(os.getpid(), 9)
        sys.addaudithook(hook)
        backup.back_up(target, opened, header, key, manifest=manifest, config=folder / "none")
        os._exit(0)
    os.waitpid(child, 0)
"""


def kill_at(steps, folder, target):
    numbers = [str(step) for step in steps]
    subprocess.run([sys.executable, "-c", KILLER, str(folder), str(target), *numbers], check=True)


async def test_a_killed_backup_leaves_nothing_readable_and_the_next_one_works(profile, config, tmp_path):
    target = tmp_path / "out" / "x.backup"
    target.parent.mkdir()
    kill_at(range(1, 9), profile.folder, target)
    readable(profile.folder, WORD.encode())
    readable(target.parent, WORD.encode(), b"seed")
    assert not target.exists()
    make(target, profile, config)
    assert not list(profile.folder.rglob("*.backup-copy"))
    assert [file.name for file in target.parent.iterdir()] == ["x.backup"]
    restored(target, tmp_path / "new", config, OLD)
    assert len(await rows_of(tmp_path / "new")) == 50


# What is refused


async def test_a_profile_with_anything_in_it_is_refused(profile, config, tmp_path):
    make(tmp_path / "x.backup", profile, config)
    for name in ("store.db", "homeserver/keys/signing.key", "note.txt"):
        data = tmp_path / name.replace("/", "-")
        (data / name).parent.mkdir(parents=True)
        (data / name).write_text("mine")
        with pytest.raises(UsageError, match="is not empty"):
            restored(tmp_path / "x.backup", data, config, OLD)
        assert (data / name).read_text() == "mine"


async def test_an_empty_profile_may_have_locks_logs_and_settings(profile, config, tmp_path):
    make(tmp_path / "x.backup", profile, config)
    data, settings = tmp_path / "new", tmp_path / "mine.toml"
    (data / "homeserver").mkdir(parents=True)
    (data / "fallback.log").write_text("earlier")
    settings.write_text("mine")
    restored(tmp_path / "x.backup", data, settings, OLD)
    assert settings.read_text() == "mine"
    assert (data / "fallback.log").read_text() == "earlier"
    assert len(await rows_of(data)) == 50


async def test_a_change_or_a_missing_end_anywhere_is_refused_and_writes_nothing(profile, config, tmp_path):
    (profile.folder / "media" / "a.bin").unlink()
    target, bad, data = tmp_path / "x.backup", tmp_path / "bad.backup", tmp_path / "new" / "work"
    make(target, profile, config)
    whole = target.read_bytes()
    places = [
        *range(len(backup.MAGIC) + 4),
        *range(len(backup.MAGIC) + 4, 700, 29),
        *range(700, len(whole), 9973),
    ]
    for place in [*places, len(whole) - 1]:
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((StoreError, AuthError)):
            restored(bad, data, config, OLD)
    ends = [0, 3, 20, 500, len(whole) - 1, len(whole) - 16, *range(1000, len(whole), 40_000)]
    for content in [*(whole[:end] for end in ends), whole + b"x", whole + whole[-1000:]]:
        bad.write_bytes(content)
        with pytest.raises((StoreError, AuthError)):
            restored(bad, data, config, OLD)
    assert [file.name for file in data.iterdir()] == ["store.lock"]
    assert [file.name for file in data.parent.iterdir()] == ["work"]


async def test_the_header_is_bound_to_the_content(profile, config, tmp_path):
    one, two = tmp_path / "1.backup", tmp_path / "2.backup"
    make(one, profile, config)
    make(two, profile, config)

    def split(content):
        length = len(backup.MAGIC) + 4 + int.from_bytes(content[len(backup.MAGIC) :][:4], "big")
        return content[:length], content[length:]

    (tmp_path / "3.backup").write_bytes(split(one.read_bytes())[0] + split(two.read_bytes())[1])
    with pytest.raises(StoreError, match="damaged or cut off"):
        looked(tmp_path / "3.backup", OLD)


def test_a_newer_or_foreign_file_is_named(tmp_path):
    for content, says in ((b"", "is no backup"), (b"PK\x03\x04" * 40, "is no backup")):
        with pytest.raises(StoreError, match=says):
            backup.read_header(io.BytesIO(content), "x")
    header = {"format": "fallback-backup", "version": 2, "salt": "", "vault": {}}
    header["vault"] = {"format": "fallback-vault", "version": 1, "id": "", "slots": []}
    body = json.dumps(header).encode()
    with pytest.raises(StoreError, match="another version"):
        backup.read_header(io.BytesIO(backup.MAGIC + len(body).to_bytes(4, "big") + body), "x")


async def test_a_header_may_ask_for_a_passphrase_alone(profile, config, tmp_path):
    target = tmp_path / "x.backup"
    make(target, profile, config)
    with target.open("rb") as source:
        header, _ = backup.read_header(source, "x")
    for slots in (profile.file.slots, [header.vault.slots[0]] * 17):
        forged = msgspec.structs.replace(header, vault=profile.with_slots(slots))
        with pytest.raises(StoreError, match="is damaged"):
            backup.read_header(io.BytesIO(backup._framed(forged)), "x")


async def test_a_damaged_homeserver_stops_the_backup(profile, config, tmp_path):
    database = profile.folder / "homeserver" / "homeserver.db"
    database.write_bytes(database.read_bytes()[:16] + bytes(5000))
    with pytest.raises(StoreError, match=r"homeserver\.db"):
        make(tmp_path / "x.backup", profile, config)
    assert not list(tmp_path.glob("x.backup*"))


async def test_a_store_that_does_not_fit_its_vault_is_refused(profile, config, tmp_path, path):
    path.unlink()
    store = await SqliteStore.open(path, profile.subkey("nio"))
    await store.close()
    make(tmp_path / "x.backup", profile, config)
    with pytest.raises(StoreError, match="does not open"):
        restored(tmp_path / "x.backup", tmp_path / "new" / "work", config, OLD)
    assert [file.name for file in (tmp_path / "new" / "work").iterdir()] == ["store.lock"]


@pytest.mark.parametrize(
    "name", ["data/../../evil", "/etc/evil", "data//evil", "data/./evil", "evil", "config/x"]
)
def test_a_name_that_climbs_out_is_refused(name):
    out = io.BytesIO()
    sealer = Sealer(out, KEY, b"h")
    with tarfile.open(fileobj=sealer, mode="w|") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    sealer.finish()
    with pytest.raises(StoreError, match="what no backup holds"):
        restore.look(io.BytesIO(out.getvalue()), KEY, b"h", "x")


# The stream


def sealed(data, key=KEY, header=b"h"):
    out = io.BytesIO()
    sealer = Sealer(out, key, header)
    for start in range(0, len(data), 50_000):
        sealer.write(data[start : start + 50_000])
    sealer.finish()
    return out.getvalue()


def opened(content, header=b"h"):
    stream = Opener(io.BytesIO(content), KEY, header, "x")
    data = b""
    while step := stream.read(10_000):
        data += step
    return data


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_a_stream_gives_back_what_was_written(size):
    data = os.urandom(size)
    assert opened(sealed(data)) == data


@given(st.data())
def test_chunks_can_not_be_moved_dropped_or_doubled(data):
    whole = sealed(bytes(3 * CHUNK + 5))
    chunks = [whole[start : start + CHUNK + 16] for start in range(0, len(whole), CHUNK + 16)]
    order = data.draw(st.lists(st.sampled_from(range(len(chunks))), max_size=6))
    if order == list(range(len(chunks))):
        return
    with pytest.raises(StoreError, match="damaged or cut off"):
        opened(b"".join(chunks[number] for number in order))


def test_another_header_opens_nothing():
    with pytest.raises(StoreError):
        opened(sealed(b"data"), b"H")

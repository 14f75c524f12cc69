"""Opening: keys, upgrades, damage."""

import subprocess
import sys

import pytest

from fallback.errors import StoreBlockedError, StoreError
from fallback.store.database import Upgrade, upgrades
from fallback.store.sqlite import SqliteStore

KEY, ANOTHER = b"k" * 32, b"x" * 32


async def tables(store):
    rows = await store._writer.run(
        lambda db: db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall(), write=False
    )
    return {row[0] for row in rows}


async def test_files_are_for_their_owner_alone(path, sqlite):
    await sqlite.put("a", "b")
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes) == {"store.db", "store.db-wal", "store.db-shm", "store.key", "store.lock"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_durability_is_full(sqlite):
    async def pragma(name):
        return await sqlite._writer.run(lambda db: db.execute(f"PRAGMA {name}").fetchone()[0], write=False)

    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")
    assert [await pragma(name) for name in names] == ["wal", 2, 1, 1, 2]


async def test_another_key_is_refused_silently_and_nothing_is_touched(path, capfd):
    store = await SqliteStore.open(path, KEY)
    await store.put("a", "b")
    await store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is damaged or has another key") as caught:
        await SqliteStore.open(path, ANOTHER)
    assert caught.value.hint
    assert path.read_bytes() == before
    assert capfd.readouterr().err == ""
    store = await SqliteStore.open(path, KEY)
    assert await store.get("a") == "b"
    await store.close()


async def test_a_refused_open_frees_the_lock(path):
    await (await SqliteStore.open(path, KEY)).close()
    for _ in range(2):
        with pytest.raises(StoreError, match="another key"):
            await SqliteStore.open(path, ANOTHER)


async def test_an_upgrade_runs_once_and_keeps_what_is_there(path):
    store = await SqliteStore.open(path, KEY)
    await store.put("a", "b")
    await store.close()
    steps = [
        *upgrades(),
        Upgrade(9001, "9001_more", "-- more\nCREATE TABLE more (a INTEGER NOT NULL) STRICT;\n"),
    ]
    for _ in range(2):
        store = await SqliteStore.open(path, KEY, steps=steps)
        assert "more" in await tables(store)
        assert await store.get("a") == "b"
        await store.close()


async def test_a_newer_store_is_refused_by_an_older_program(path):
    newer = [*upgrades(), Upgrade(9001, "9001_more", "CREATE TABLE more (a INTEGER NOT NULL) STRICT;")]
    await (await SqliteStore.open(path, KEY, steps=newer)).close()
    with pytest.raises(StoreError, match="written by a newer version") as caught:
        await SqliteStore.open(path, KEY)
    assert "Upgrade fallback" in caught.value.hint


async def test_a_failed_upgrade_leaves_nothing_behind(path):
    await (await SqliteStore.open(path, KEY)).close()
    broken = [*upgrades(), Upgrade(9001, "9001_bad", "CREATE TABLE half (a INTEGER);\nCREATE NONSENSE;\n")]
    with pytest.raises(StoreError):
        await SqliteStore.open(path, KEY, steps=broken)
    store = await SqliteStore.open(path, KEY)
    assert "half" not in await tables(store)
    await store.close()


async def test_a_damaged_page_is_told_not_read(path):
    store = await SqliteStore.open(path, KEY)
    for number in range(200):
        await store.put(f"key-{number}", "x" * 500)
    await store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = bytes(len(data) - 4096 * 2)
    path.write_bytes(data)

    async def look():
        store = await SqliteStore.open(path, KEY)
        try:
            await store.get("key-150")
        finally:
            await store.close()

    with pytest.raises(StoreError, match="damaged") as caught:
        await look()
    assert caught.value.hint


async def test_an_entry_that_cannot_be_read_is_told(sqlite):
    await sqlite._writer.run(
        lambda db: db.execute(
            "INSERT INTO events (portal, origin, id, at, event) VALUES ('news', 'matrix', 'a', 1, x'00')"
        )
    )
    with pytest.raises(StoreError, match="can't be read"):
        await sqlite.timeline("news")


async def test_a_folder_in_its_place_is_told(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreError):
        await SqliteStore.open(path, KEY)


OWNER = """
import asyncio, sys
from pathlib import Path
from fallback.store.database import upgrades
from fallback.store.sqlite import SqliteStore

async def own():
    store = await SqliteStore.open(Path(sys.argv[1]), b"k" * 32, steps=upgrades()[: int(sys.argv[2])])
    print("open", flush=True)
    for line in iter(sys.stdin.readline, ""):
        for number in range(int(line)):
            await store.put(f"owner{number}", "x")
        print("done", flush=True)

asyncio.run(own())
"""


def owner(path, steps):
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path), str(steps)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


async def test_beside_an_owner_of_an_older_version_nothing_is_upgraded(path):
    with owner(path, len(upgrades()) - 1) as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="in use by an older version"):
            await SqliteStore.open(path, KEY, shared=True)
        process.stdin.close()
    store = await SqliteStore.open(path, KEY, shared=True)
    await store.put("a", "b")
    again = await SqliteStore.open(path, KEY)
    assert await again.get("a") == "b"
    await again.close()
    await store.close()


async def test_two_processes_write_at_the_same_time_and_wait_for_each_other(path):
    with owner(path, len(upgrades())) as process:
        assert process.stdout.readline() == "open\n"
        store = await SqliteStore.open(path, KEY, shared=True)
        process.stdin.write("200\n")
        process.stdin.flush()
        for number in range(200):
            await store.put(f"shared{number}", "x")
        assert process.stdout.readline() == "done\n"
        process.stdin.close()
    assert all([await store.get(f"{who}{number}") for who in ("owner", "shared") for number in range(200)])
    await store.close()


async def test_what_is_not_there_is_not_made_beside_an_owner(path):
    with owner(path, len(upgrades())) as process:
        assert process.stdout.readline() == "open\n"
        path.unlink()
        with pytest.raises(StoreError, match="does not exist"):
            await SqliteStore.open(path, KEY, shared=True)
        process.stdin.close()


async def test_a_full_disk_is_named_keeps_what_was_kept_and_ends_when_there_is_space(sqlite):
    async def pages(most):
        await sqlite._writer.run(
            lambda db: db.execute(f"PRAGMA max_page_count = {most}").fetchone(), write=False
        )

    await sqlite.put("before", "kept")
    await pages(1)
    with pytest.raises(StoreBlockedError, match="no space left"):
        await sqlite.put("more", "x" * 100_000)
    assert await sqlite.get("before") == "kept"
    await pages(10**6)
    await sqlite.put("more", "x" * 100_000)

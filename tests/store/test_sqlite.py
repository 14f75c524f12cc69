"""What a file on a disk adds to the contract: crashes, other processes, a thief with the disk, no space."""

import asyncio
import os
import subprocess
import sys

import pytest

from fallback.core.events import Identity, Message
from fallback.core.outbox import Delivery, Sent
from fallback.errors import ProfileBusyError, StoreError
from fallback.store.sqlite import SqliteStore

KNOWN = "the eagle lands at midnight"
ARABIC = "النسر يهبط عند منتصف الليل"

WRITER = """
import asyncio, sys
from pathlib import Path
from fallback.core.events import Message
from fallback.core.outbox import Delivery
from fallback.store.sqlite import SqliteStore

async def write(store, worker):
    for number in range(100_000):
        name = f"{worker}-{number}"
        event = Message(id=name, chat="c", text=name)
        await store.record("news", event, [Delivery("d" + name, "news", "matrix", event)])
        print(name, flush=True)

async def main():
    store = await SqliteStore.open(Path(sys.stdin.readline().strip()))
    print("open", flush=True)
    await asyncio.gather(*(write(store, worker) for worker in range(8)))

asyncio.run(main())
"""


def message(name, text=""):
    return Message(id=name, chat="c", sender=Identity(name="Huda Karim"), text=text)


def start_writer(path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "open\n"
    return process


async def test_all_that_was_acknowledged_survives_a_kill(path):
    told = []
    for count in (40, 400):
        with start_writer(path) as process:
            lines = [process.stdout.readline() for _ in range(count)]
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        told = [line.strip() for line in lines if line.endswith("\n")]
        store = await SqliteStore.open(path)
        rows = await store.timeline("news", limit=1_000_000)
        kept = [row.event.id for row in rows]
        assert set(told) <= set(kept)
        assert len(kept) == len(set(kept)) == await store.pending("matrix")
        await store.close()
        for file in path.parent.iterdir():
            file.unlink()
    assert len(told) >= 400


async def test_another_key_after_a_crash_loses_nothing(path):
    with start_writer(path) as process:
        told = [process.stdout.readline().strip() for _ in range(50)]
        process.kill()
    assert path.with_name("store.db-wal").stat().st_size
    with pytest.raises(StoreError, match="another key"):
        await SqliteStore.open(path, b"x" * 32)
    store = await SqliteStore.open(path)
    assert set(told) <= {row.event.id for row in await store.timeline("news", limit=100_000)}
    await store.close()


async def test_a_second_process_is_refused_and_named(path):
    with start_writer(path) as process:
        with pytest.raises(ProfileBusyError, match=rf"profile work is in use by process {process.pid} \("):
            await SqliteStore.open(path)
        process.kill()


@pytest.mark.usefixtures("sqlite")
async def test_a_second_store_of_one_process_is_refused(path):
    with pytest.raises(ProfileBusyError, match=f"profile home is in use by process {os.getpid()}"):
        await SqliteStore.open(path, name="home")


async def test_nothing_is_readable_on_the_disk(path, sqlite):
    for number in range(300):
        event = message(f"{number}", f"{KNOWN} {ARABIC}")
        await sqlite.record("news", event, [Delivery(f"d{number}", "news", "matrix", event)])
    await sqlite.put("account", "syt_secret_token")
    files = list(path.parent.iterdir())
    assert any(file.name.endswith("-wal") and file.stat().st_size for file in files)

    def leaks():
        words = [KNOWN, "eagle", ARABIC, "النسر", "Huda", "syt_secret", "deliveries", "SQLite format"]
        data = b"".join(file.read_bytes() for file in path.parent.iterdir())
        return [word for word in words if word.encode() in data]

    assert leaks() == []
    await sqlite.close()
    assert path.stat().st_size > 100_000
    assert leaks() == []


async def test_a_full_disk_is_told_and_what_was_kept_stays(sqlite):
    await sqlite.record("news", message("first", KNOWN))

    async def limit(pages):
        await sqlite._writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}"), write=False)

    await limit(1)
    with pytest.raises(StoreError, match="no space left") as caught:
        await sqlite.record("news", message("big", "x" * 1_000_000))
    assert caught.value.hint
    assert [row.event.id for row in await sqlite.timeline("news")] == ["first"]
    await limit(1_000_000)
    assert await sqlite.record("news", message("big", "x" * 1_000_000))


async def test_a_closed_store_is_refused_and_can_be_opened_again(path):
    store = await SqliteStore.open(path)
    await store.record("news", message("a"), [Delivery("d", "news", "matrix", message("a"))])
    (one,) = await store.lease("matrix", owner="me", now=1, seconds=60)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.pending()
    store = await SqliteStore.open(path)
    await store.settle(one, Sent("$a"), now=2)
    assert await store.pending() == 0
    await store.close()


async def test_closing_finishes_what_waits(path):
    store = await SqliteStore.open(path)
    async with asyncio.TaskGroup() as group:
        records = [group.create_task(store.record("news", message(f"{number}"))) for number in range(50)]
        await asyncio.sleep(0)
        group.create_task(store.close())
    assert all(one.result() for one in records)


async def test_what_a_killed_owner_had_in_flight_is_taken_up_at_once_and_its_outcome_is_ignored(path):
    store = await SqliteStore.open(path)
    await store.record("news", message("m"), [Delivery("d", "news", "matrix", message("m"))])
    (before,) = await store.lease("matrix", owner="a", now=1000, seconds=120)
    await store.close()
    store = await SqliteStore.open(path)
    (after,) = await store.lease("matrix", owner="b", now=1001, seconds=120)
    await store.settle(before, Sent("$old"), now=1002)
    assert (after.token > before.token, await store.pending()) == (True, 1)
    await store.settle(after, Sent("$new"), now=1003)
    assert await store.pending() == 0
    await store.close()

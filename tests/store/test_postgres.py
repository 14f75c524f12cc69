"""What a server adds to the contract: other writers, lost connections, its own settings and limits."""

import asyncio
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback import compose
from fallback.core.events import Message
from fallback.core.ids import ChatId, PortalId, RoomId
from fallback.core.ports import Portal
from fallback.errors import StoreBlockedError, StoreError
from fallback.paths import Profile
from fallback.store import postgres as module
from fallback.store import sql
from fallback.store.database import Upgrade, upgrades
from fallback.store.memory import MemoryStore
from fallback.store.postgres import PostgresStore
from fallback.store.sqlite import SqliteStore

WRITER = """
import asyncio, sys
from fallback.core.events import Message
from fallback.core.outbox import Delivery
from fallback.store.postgres import PostgresStore

async def write(store, worker):
    for number in range(100_000):
        name = f"{worker}-{number}"
        event = Message(id=name, chat="c", text=name)
        await store.record("news", event, [Delivery("d" + name, "news", "matrix", event)])
        print(name, flush=True)

async def main():
    store = await PostgresStore.open(sys.stdin.readline().strip())
    print("open", flush=True)
    await asyncio.gather(*(write(store, worker) for worker in range(8)))

asyncio.run(main())
"""


def message(name, text=""):
    return Message(id=name, chat="c", text=text)


async def raw(store, statement, *values):
    return await store._writer.run(lambda db: db.rows(statement, *values), write=False)


def start_writer(url):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdin.write(f"{url}\n")
    process.stdin.flush()
    return process


async def test_all_that_was_acknowledged_survives_a_kill(url):
    with start_writer(url) as process:
        lines = [process.stdout.readline() for _ in range(300)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    told = {line.strip() for line in lines[1:] if line.endswith("\n")}
    store = await PostgresStore.open(url)
    kept = [row.event.id for row in await store.timeline("news", limit=1_000_000)]
    assert told <= set(kept)
    assert len(kept) == len(set(kept)) == await store.pending("matrix")
    await store.close()


async def test_two_writers_keep_an_event_once_and_number_rows_in_one_order(url, postgres):
    other = await PostgresStore.open(url)
    names = [f"m{number}" for number in range(100)]
    work = [store.record("news", message(name)) for name in names for store in (postgres, other)]
    rows = await asyncio.gather(*work)
    assert sum(bool(row) for row in rows) == 100
    seen = [row.event.id for row in await other.timeline("news")]
    assert seen == names
    await other.close()


async def test_a_portal_that_another_relay_made_is_found_at_once(url, postgres):
    assert await postgres.portals() == []
    other = await PostgresStore.open(url)
    made = Portal(PortalId("a"), ChatId("group"), RoomId("!r"))
    await other.save_portal(made)
    assert await postgres.portal(ChatId("group")) == made
    await other.close()


async def test_a_lost_connection_is_made_anew(database, postgres):
    await postgres.put("a", "b")
    with database.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert await postgres.get("a") == "b"


async def test_a_server_that_is_away_blocks_the_store_and_nothing_is_lost(database, postgres):
    await postgres.put("a", "b")
    database.stop()
    try:
        with pytest.raises(StoreBlockedError, match="can't be used") as caught:
            await postgres.put("a", "c")
        assert caught.value.hint
    finally:
        database.start()
    assert await postgres.get("a") == "b"
    await postgres.put("a", "c")
    assert await postgres.get("a") == "c"


async def test_commits_are_durable_whatever_the_server_is_set_to(database, url):
    with database.connect() as admin:
        admin.execute("ALTER DATABASE postgres SET synchronous_commit = off")
    try:
        store = await PostgresStore.open(url)
        assert await raw(store, "SELECT current_setting('synchronous_commit')") == [("on",)]
        assert await raw(store, "SELECT current_setting('idle_in_transaction_session_timeout')") == [("5s",)]
        await store.close()
    finally:
        with database.connect() as admin:
            admin.execute("ALTER DATABASE postgres RESET synchronous_commit")


async def test_a_newer_store_is_refused_by_an_older_program(url):
    newer = [*upgrades(), Upgrade(9001, "9001_more", "CREATE TABLE more (a INTEGER NOT NULL) STRICT;")]
    await (await PostgresStore.open(url, steps=newer)).close()
    with pytest.raises(StoreError, match="written by a newer version"):
        await PostgresStore.open(url)


async def test_a_store_of_the_first_schema_is_upgraded_with_its_data(url):
    store = await PostgresStore.open(url, steps=upgrades()[:1])
    await store.put("account", "kept")
    await store.close()
    store = await PostgresStore.open(url)
    assert await store.get("account") == "kept"
    assert await store.share("a", seconds=9) == []
    await store.close()


async def test_a_failed_upgrade_leaves_nothing_behind(url):
    broken = [*upgrades(), Upgrade(9001, "9001_bad", "CREATE TABLE half (a INTEGER);\nCREATE NONSENSE;\n")]
    with pytest.raises(StoreError, match="NONSENSE"):
        await PostgresStore.open(url, steps=broken)
    store = await PostgresStore.open(url)
    assert await raw(store, "SELECT to_regclass('half') IS NULL, to_regclass('facts') IS NULL") == [
        (True, False)
    ]
    await store.close()


async def test_relays_that_start_together_upgrade_once(url):
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(4)))
    assert await raw(stores[0], "SELECT count(*) FROM upgrades") == [(len(upgrades()),)]
    for store in stores:
        await store.close()


async def test_a_failed_job_leaves_nothing(postgres):
    def work(db):
        db.run(sql.PUT, "a", "b")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await postgres._writer.run(work)
    assert await postgres.get("a") is None


async def test_an_entry_that_cannot_be_read_is_told(postgres):
    await postgres._writer.run(lambda db: db.run(sql.INSERT_EVENT, "news", "matrix", "a", 1, b"\0"))
    with pytest.raises(StoreError, match="holds an entry that can't be read"):
        await postgres.timeline("news")


async def test_a_nul_in_an_id_harms_nothing(postgres):
    assert await postgres.record("news", message("a\0b", "x\0y"))
    assert await postgres.record("news", message("a\0b")) == 0
    assert (await postgres.timeline("news"))[0].event.text == "x\0y"


async def test_words_beyond_the_servers_limit_are_left_out(postgres, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 20)
    await postgres.record("news", message("a", "first second third"))
    assert [len(await postgres.search(word)) for word in ("first", "second", "third")] == [1, 1, 0]


async def test_what_belongs_to_one_relay_stays_on_its_machine(url, postgres, sqlite):
    store = await PostgresStore.open(url, local=sqlite)
    for key in ("account", "sync_token", "matrix.secrets", "outage", "override"):
        await store.put(key, "x")
    assert {name for (name,) in await raw(postgres, "SELECT name FROM facts")} == {"outage", "override"}
    assert [await sqlite.get(key) for key in ("account", "sync_token", "outage")] == ["x", "x", None]
    assert [await store.get(key) for key in ("account", "outage")] == ["x", "x"]
    await store.close()


async def test_a_profile_with_an_address_keeps_its_groups_there_and_its_account_at_home(url, postgres):
    profile = Profile("team")
    profile.config_file.parent.mkdir(parents=True)
    profile.config_file.write_text(f'[store]\nurl = "{url}"\n')
    made = Portal(PortalId("a"), ChatId("group"), RoomId("!r"))
    async with compose.open_store(profile) as store:
        await store.save_portal(made)
        await store.put("account", "token")
    assert await postgres.portals() == [made]
    assert await postgres.get("account") is None
    async with compose.open_store(profile) as store:
        assert await store.get("account") == "token"
        assert await store.portals() == [made]


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://me:s3cr%zzet@host/db",
        "postgresql://me:s3cret@127.0.0.1:1/db",
        "postgresql://me:s3cret@host:port/db",
        "postgresql://me:s3cret@/db?nonsense=1",
    ],
)
@pytest.mark.usefixtures("database")
async def test_an_address_that_leads_nowhere_is_told_without_its_password(wrong):
    with pytest.raises(StoreError) as caught:
        await PostgresStore.open(wrong)
    assert caught.value.hint
    assert "s3c" not in f"{caught.value.message}{caught.value.hint}"


async def test_a_schema_that_is_not_there_is_told(database):
    with pytest.raises(StoreError, match=r"schema in store\.url does not exist"):
        await PostgresStore.open(database.url("nowhere"))


WORDS = st.text(alphabet="abAéß9_ -'\\:&*|!()أاىيةهـَ٩क्षि👍\0", max_size=12)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(WORDS, min_size=1, max_size=5), query=WORDS)
def test_a_search_finds_the_same_in_every_store(url, tmp_path, texts, query):
    async def compare():
        stores = [
            MemoryStore(),
            await SqliteStore.open(tmp_path / "s" / "store.db"),
            await PostgresStore.open(url),
        ]
        portal, found = os.urandom(8).hex(), []
        for store in stores:
            for number, text in enumerate(texts):
                assert await store.record(portal, message(f"m{number}", text))
            found.append([row.event.id for row in await store.search(query, portal)])
            await store.close()
        assert found[0] == found[1] == found[2]

    asyncio.run(compare())


PLANS = [
    ("DUE", ("matrix", 1, 1, "me"), {"deliveries_open"}),
    ("WAITING", ("whatsapp", "news"), {"deliveries_open"}),
    ("TIMELINE", ("news", 9, 9), {"events_timeline", "deliveries_row"}),
    ("SINCE", ("news", 9, ""), {"events_time"}),
    ("IS_OURS", ("news", "x", True), {"deliveries_remote"}),
]


@pytest.mark.parametrize(("name", "values", "indexes"), PLANS)
async def test_a_statement_that_runs_often_can_use_its_index(postgres, name, values, indexes):
    def explain(db):
        db.run("SET LOCAL enable_seqscan = off")
        return db.rows("EXPLAIN (COSTS off) " + getattr(sql, name), *values)

    plan = "\n".join(row[0] for row in await postgres._writer.run(explain, write=False))
    assert all(index in plan for index in indexes), plan

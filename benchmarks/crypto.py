"""What encryption costs: against bare vodozemac, a clear message and plain SQLite, and the loop's longest pause."""

import asyncio
import contextlib
import json
import logging
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import sqlcipher3
import vodozemac
from aiohttp import web

from benchmarks import Row
from benchmarks.store import NEWS, record
from fallback.core.events import Message, Origin
from fallback.core.ids import ChatId, DeliveryId, RoomId, SourceId
from fallback.homeserver.managed import ManagedHomeserver
from fallback.matrix.client import NioHomeserver
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.sync import read_raw
from fallback.store.memory import MemoryStore
from fallback.store.sqlite import SqliteStore

ROOM, ALICE, BOB = "!room:x", "@alice:x", "@bob:x"
NEVER = 10**9
"""Messages after which a session is changed, where that is not what is measured."""
PAGE = 100
"""Messages that one sync brings."""
PEOPLE = 5
"""Devices that a room's key goes to after a restart."""


def opened(folder: Path, user: str, url: str = "http://localhost:1") -> SafeClient:
    """Open a device that knows no homeserver."""
    return SafeClient(url, user, "DEVICE", "t", folder=folder / user[1:2], key=bytes(32))


def sealed(sender: SafeClient, count: int) -> list[dict[str, Any]]:
    """Encrypt messages in one session, as they lie on a homeserver."""
    machine = sender.machine
    if ROOM not in machine.outbound_group_sessions:
        machine.create_outbound_group_session(ROOM)
        machine.outbound_group_sessions[ROOM].shared = True
        machine.outbound_group_sessions[ROOM].max_messages = NEVER
    return [
        {
            "type": "m.room.encrypted",
            "event_id": f"${n}",
            "sender": sender.user_id,
            "origin_server_ts": n,
            "content": machine.group_encrypt(ROOM, _plain(n)),
        }
        for n in range(count)
    ]


def _plain(number: int) -> dict[str, Any]:
    text = f"message {number} رسالة and some more words to make it real"
    return {"type": "m.room.message", "content": {"msgtype": "m.text", "body": text}}


def key_of(sender: SafeClient) -> RoomKey:
    """Give the key of what ``sealed`` made."""
    (session,) = sender.machine.inbound_group_store
    return RoomKey(ROOM, session.id, session.sender_key, session.ed25519, session.export_session(0))


async def rates(count: int) -> list[Row]:
    """Encrypt and read messages, with and without all that is around vodozemac."""
    with tempfile.TemporaryDirectory() as folder:
        alice, bob = opened(Path(folder), ALICE), opened(Path(folder), BOB)
        start = time.perf_counter()
        events = sealed(alice, count)
        ours = time.perf_counter() - start

        session = vodozemac.GroupSession()
        start = time.perf_counter()
        for number in range(count):
            session.encrypt(json.dumps({**_plain(number), "room_id": ROOM}).encode()).to_base64()
        bare = time.perf_counter() - start

        key = key_of(alice)
        bob.take([key])
        start = time.perf_counter()
        read = [read_raw(bob, event, ROOM, {}) for event in events]
        reading = time.perf_counter() - start
        if None in read:
            raise AssertionError("a message was not read")

        inbound = vodozemac.InboundGroupSession.import_session(vodozemac.ExportedSessionKey(key.session_key))
        start = time.perf_counter()
        for event in events:
            text = vodozemac.MegolmMessage.from_base64(event["content"]["ciphertext"])
            json.loads(inbound.decrypt(text).plaintext)
        opening = time.perf_counter() - start
        await asyncio.gather(alice.close(), bob.close())
    return [
        _times("a message encrypted", ours, bare, count, "<= 5"),
        _times("a message decrypted, judged and read", reading, opening, count, "<= 10"),
    ]


def _times(name: str, ours: float, bare: float, count: int, goal: str) -> Row:
    detail = f"{count / ours:.0f}/s, bare vodozemac with JSON {count / bare:.0f}/s"
    return {"name": name, "ratio": ours / bare, "goal": goal, "detail": detail}


@contextlib.contextmanager
def answering(events: list[dict[str, Any]]) -> Iterator[str]:
    """Serve syncs of these events from another thread, whose work is no pause of ours; gives the address."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    address: list[str] = []

    async def sync(request: web.Request) -> web.Response:
        start = int(request.query.get("since") or 0)
        timeline = {"events": events[start : start + PAGE], "limited": False, "prev_batch": "p"}
        token = str(min(start + PAGE, len(events)))
        body = {"next_batch": token, "rooms": {"join": {ROOM: {"timeline": timeline}}}}
        return web.json_response({**body, "device_one_time_keys_count": {"signed_curve25519": 50}})

    async def keys(_request: web.Request) -> web.Response:
        counts = {"one_time_key_counts": {"signed_curve25519": 50}}
        return web.json_response({"device_keys": {}, "failures": {}, **counts})

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/_matrix/client/v3/sync", sync)
        app.router.add_post("/_matrix/client/v3/keys/{what}", keys)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        return runner

    def work() -> None:
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(10)
    yield address[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


async def beat(pauses: list[tuple[float, float]]) -> None:
    """Note how long the loop was away, in seconds of the clock and of this thread."""
    clock, worked = time.perf_counter(), time.thread_time()
    while True:
        await asyncio.sleep(0.001)
        now, done = time.perf_counter(), time.thread_time()
        pauses.append((now - clock, done - worked))
        clock, worked = now, done


async def catching_up(count: int) -> Row:
    """Sync messages without their key, then take the key and read them all."""
    pauses: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alice = opened(folder, ALICE)
        events = sealed(alice, count)
        with answering(events) as url:
            side = NioHomeserver(opened(folder, BOB, url), MemoryStore())
            heart = asyncio.create_task(beat(pauses))
            start, read = time.perf_counter(), 0
            async for batch in side.batches(""):
                read += sum(isinstance(event, Message) for event in batch.events)
                if batch.token == str(count) and not side.client.machine.session_count:
                    side.client.take([key_of(alice)])
                if read == count:
                    break
            taken = time.perf_counter() - start
            heart.cancel()
            await side.close()
        await alice.close()
    clock, worked = max(pause for pause, _ in pauses), max(work for _, work in pauses)
    return {
        "name": f"longest pause while {count:,} messages wait for their key and are read, ms",
        "ratio": worked * 1000,
        "goal": "<= 50",
        "detail": f"of the loop's own work; {clock * 1000:.0f} ms by the clock; {count / taken:.0f} messages/s",
    }


def said(number: int) -> Message:
    """Make a message of ours."""
    return Message(id=SourceId(f"m{number}"), chat=ChatId("c"), origin=Origin.MATRIX, text="good morning")


@contextlib.asynccontextmanager
async def homeserver(folder: Path) -> AsyncIterator[tuple[ManagedHomeserver, NioHomeserver, RoomId]]:
    """Start a homeserver with an encrypted room of several people."""
    async with ManagedHomeserver(folder / "homeserver") as server:
        sides = []
        for number in range(PEOPLE + 1):
            account = await server.create_account(f"person{number}")
            token, device = await server.login(account.user, account.password)
            client = SafeClient(
                server.url, account.user, device, token, folder=folder / str(number), key=bytes(32)
            )
            sides.append(NioHomeserver(client, MemoryStore()))
        room = await _room(sides[0], [side.user for side in sides[1:]])
        for side in sides:
            await side.keys.begin()
            await side.catch_up()
        for side in sides[1:]:
            await side.accept(room)
        yield server, sides[0], room
        for side in sides[1:]:
            await side.close()


async def _room(side: NioHomeserver, invited: list[Any], *, encrypted: bool = True) -> RoomId:
    rule = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    state = [rule] if encrypted else []
    body = {"preset": "private_chat", "invite": invited, "initial_state": state}
    return RoomId((await side.http.json("POST", "/_matrix/client/v3/createRoom", body=body))["room_id"])


async def restarting(rounds: int) -> Row:
    """Open a device's store, sync and send, against a sync and a message in clear with nothing around."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as name:
        async with homeserver(Path(name)) as (server, before, room):
            clear, facts = await _room(before, [], encrypted=False), MemoryStore()
            user, device, token = before.user, before.client.device_id, before.client.access_token
            await before.close()
            for number in range(rounds):
                start = time.perf_counter()
                client = SafeClient(server.url, user, device, token, folder=Path(name) / "0", key=bytes(32))
                side = NioHomeserver(client, facts)
                await side.catch_up()
                await side.send(room, said(number), transaction=DeliveryId(f"s{number}"))
                ours.append(time.perf_counter() - start)
                await side.close()
                bare.append(await in_clear(server.url, token, clear, number))
    middle, least = sorted(ours)[rounds // 2], sorted(bare)[rounds // 2]
    detail = f"{middle * 1000:.0f} ms with the key given to {PEOPLE} devices, bare {least * 1000:.0f} ms"
    return {
        "name": "restart to the first encrypted message, against a sync and one in clear",
        "ratio": middle / least,
        "goal": "<= 10",
        "detail": detail,
    }


async def in_clear(url: str, token: str, room: str, number: int) -> float:
    """Sync and send in clear; gives seconds."""
    start = time.perf_counter()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        async with session.get(f"{url}/_matrix/client/v3/sync") as answer:
            await answer.json()
        path = f"{url}/_matrix/client/v3/rooms/{room}/send/m.room.message/c{number}"
        async with session.put(path, json={"msgtype": "m.text", "body": "good morning"}) as answer:
            answer.raise_for_status()
    return time.perf_counter() - start


def at_rest(count: int) -> list[Row]:
    """Write and read rows in one file that is encrypted and one that is not, by the same library."""
    with tempfile.TemporaryDirectory() as folder:
        plain, cipher = (_table(Path(folder) / name, name == "cipher", count) for name in ("plain", "cipher"))
    return [
        {
            "name": f"SQLCipher against plain SQLite, {what}",
            "ratio": cipher[which] / plain[which],
            "goal": goal,
            "detail": f"{count / cipher[which]:,.0f} rows/s, plain {count / plain[which]:,.0f}/s",
        }
        for which, what, goal in ((0, "written", "<= 2"), (1, "read through", "<= 3"))
    ]


def _table(path: Path, encrypted: bool, count: int) -> tuple[float, float]:
    database = sqlcipher3.connect(str(path))
    if encrypted:
        database.execute(f"PRAGMA key = \"x'{bytes(range(32)).hex()}'\"")
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE events (number INTEGER PRIMARY KEY, text TEXT)")
    start = time.perf_counter()
    for first in range(0, count, 500):
        with database:
            rows = [(n, json.dumps(_plain(n))) for n in range(first, first + 500)]
            database.executemany("INSERT INTO events VALUES (?, ?)", rows)
    written = time.perf_counter() - start
    database.close()
    database = sqlcipher3.connect(str(path))  # with nothing in memory
    if encrypted:
        database.execute(f"PRAGMA key = \"x'{bytes(range(32)).hex()}'\"")
    start = time.perf_counter()
    database.execute("SELECT sum(length(text)) FROM events").fetchone()
    read = time.perf_counter() - start
    database.close()
    return written, read


async def opening(count: int) -> Row:
    """Open a large store and a small one, and read the newest page."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (count, 500):
            path = Path(folder) / str(size) / "store.db"
            store = await SqliteStore.open(path)
            await record(store, size, min(size, 512))
            await store.close()
            start = time.perf_counter()
            store = await SqliteStore.open(path)
            await store.timeline(NEWS, limit=50)
            taken.append((time.perf_counter() - start) * 1000)
            await store.close()
    large, small = taken
    return {
        "name": f"a store of {count:,} messages opened, with its newest page",
        "ratio": large / small,
        "goal": "<= 2",
        "detail": f"{large:.0f} ms, of 500 messages {small:.0f} ms",
    }


def run(quick: bool) -> list[Row]:
    """Measure encryption."""
    logging.getLogger("nio").setLevel(logging.ERROR)  # it tells of every message without a key
    count = 2000 if quick else 10_000
    return [
        *asyncio.run(rates(count)),
        asyncio.run(catching_up(count)),
        asyncio.run(restarting(3 if quick else 9)),
        *at_rest(20_000 if quick else 100_000),
        asyncio.run(opening(5_120 if quick else 51_200)),
    ]

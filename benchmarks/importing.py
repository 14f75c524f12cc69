"""How fast a group goes into a room, against a bare loop of the same requests on the same homeserver."""

import asyncio
import contextlib
import resource
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
from msgspec.structs import replace

from benchmarks import Row
from fallback.bridge.migrate import Migration
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.migration import plan
from fallback.homeserver.managed import ManagedHomeserver
from fallback.matrix.appservice import Appservice
from fallback.matrix.client import NioHomeserver
from fallback.matrix.convert import to_content
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.http import Answer
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore
from fallback.store.sqlite import SqliteStore

PEOPLE = tuple(Identity(name=name) for name in ("Sara", "Omar", "ليلى", "سامر", "Lina"))


CHAINED = 5
"""Times as many events where they go in chains, so that the time is long enough to be measured."""


class NoFiles:
    """An export without media."""

    def read(self, name: str) -> bytes:
        """Give nothing."""
        return b""


def events(chat: str, count: int) -> list[Message]:
    """Make a group's messages."""
    return [
        Message(
            id=SourceId(f"{chat}-{n}"),
            chat=ChatId(chat),
            sender=PEOPLE[n % len(PEOPLE)],
            at=1_633_000_000_000 + n * 1000,
            origin=Origin.EXPORT,
            text=f"رسالة رقم {n} and some *more* words to make it real",
        )
        for n in range(count)
    ]


async def bare(server: ManagedHomeserver, room: str, run: Migration, history: list[Message]) -> float:
    """Send the same contents with nothing around; gives events a second."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.as_token}"}) as session:
        start = time.perf_counter()
        for event in history:
            kind, content = to_content(event)
            user = quote(run.ghost(event.sender), safe="")
            path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/{kind}/{event.id}"
            async with session.put(
                f"{server.url}{path}?user_id={user}&device_id=FALLBACK&ts={event.at}", json=content
            ) as answer:
                answer.raise_for_status()
                await answer.read()
        return len(history) / (time.perf_counter() - start)


async def ours(run: Migration, history: list[Message]) -> float:
    """Send them by the real migration, its room and people made before; gives events a second."""
    start = time.perf_counter()
    await run.run(history, NoFiles())
    return len(history) / (time.perf_counter() - start)


class _Closed(Appservice):
    """An appservice whose homeserver has nothing but the standard."""

    async def exchange(self, method: str, path: str, body: object = None) -> Answer:
        """Find nothing."""
        return Answer(404, b"", {})


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[ManagedHomeserver, SqliteStore, SafeClient]]:
    """Start a homeserver, and sign an account in on it."""
    store = await SqliteStore.open(folder / "store.db")
    async with ManagedHomeserver(folder / "homeserver") as server:
        account = await server.create_account("fallback")
        token, device = await server.login(account.user, account.password)
        client = SafeClient(server.url, account.user, device, token, folder=folder, key=bytes(32))
        yield server, store, client
        await NioHomeserver(client, store).close()
    await store.close()


async def measure(count: int, rounds: int) -> list[Row]:
    """Take the bare loop, and the migration without and with the module, in turn."""
    rates: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as (server, store, client):
            for number in range(rounds):
                taken = []
                for kind, way in (("bare", _Closed), ("single", _Closed), ("chain", Appservice)):
                    history = events(f"{kind}{number}", count * (CHAINED if kind == "chain" else 1))
                    run = Migration(
                        plan(
                            Group(chat=history[0].chat, name=kind, members=PEOPLE),
                            history,
                            server_name=server.server_name,
                        ),
                        NioHomeserver(
                            client, store, appservice=way(client.http, server.as_token, server.server_name)
                        ),
                        store,
                        server_name=server.server_name,
                    )
                    portal = await run.prepare()
                    await run.gather(portal, history)
                    take = bare(server, portal.room, run, history) if kind == "bare" else ours(run, history)
                    taken.append(await take)
                rates.append((taken[0], taken[1], taken[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        _row("import into a room, one by one", rates, 1, ">= 0.95"),
        _row("import into a room, through our module", rates, 2, ">= 8"),
        {
            "name": "memory of the importing process, MB",
            "ratio": peak,
            "goal": "<= 150",
            "detail": f"peak over {rounds * count * (CHAINED + 2)} events",
        },
    ]


def _row(name: str, rates: list[tuple[float, float, float]], which: int, goal: str) -> Row:
    middle = sorted(rates, key=lambda taken: taken[which] / taken[0])[len(rates) // 2]
    detail = (
        f"{middle[which]:.0f} events/s, bare aiohttp loop {middle[0]:.0f}/s, median of {len(rates)} rounds"
    )
    return {"name": name, "ratio": middle[which] / middle[0], "goal": goal, "detail": detail}


async def crowd(size: int) -> float:
    """Plan a group of that many and let all of them in, in memory; gives seconds."""
    people = tuple(Identity(name=f"Person {n}") for n in range(size))
    history = [replace(event, sender=people[n]) for n, event in enumerate(events("crowd", size))]
    group = Group(chat=history[0].chat, name="crowd", members=people)
    start = time.perf_counter()
    server = MemoryServer()
    planned = plan(group, history, server_name=server.name)
    run = Migration(planned, MemoryHomeserver(server, "bench"), MemoryStore(), server_name=server.name)
    await run.run(history, NoFiles())
    return time.perf_counter() - start


def crowds() -> Row:
    """Compare a large group with a small one."""
    small = min(asyncio.run(crowd(128)) for _ in range(3))
    large = min(asyncio.run(crowd(1024)) for _ in range(3))
    detail = f"{large * 1000:.0f} ms, 128 members {small * 1000:.0f} ms; 8 where the cost is linear"
    return {
        "name": "1,024 members planned and let in, against 128",
        "ratio": large / small,
        "goal": "<= 12",
        "detail": detail,
    }


def run(quick: bool) -> list[Row]:
    """Measure the import."""
    return [*asyncio.run(measure(100 if quick else 400, 1 if quick else 3)), crowds()]

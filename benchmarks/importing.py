"""How fast a group goes into a room, against a bare loop of the same requests on the same homeserver."""

import asyncio
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import aiohttp

from benchmarks import Row
from fallback.bridge.migrate import Migration
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, SourceId, UserId
from fallback.core.migration import plan
from fallback.homeserver.managed import ManagedHomeserver
from fallback.matrix.appservice import Appservice
from fallback.matrix.client import NioHomeserver
from fallback.matrix.convert import to_content
from fallback.store.sqlite import SqliteStore

PEOPLE = tuple(Identity(name=name) for name in ("Sara", "Omar", "ليلى", "سامر", "Lina"))


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


async def measure(count: int, rounds: int) -> Row:
    """Take both in turn."""
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "store.db")
        async with ManagedHomeserver(Path(folder) / "homeserver") as server:
            account = await server.create_account("fallback")
            token, device = await server.login(account.user, account.password)
            side = NioHomeserver(server.url, UserId(account.user), device, token)
            side.appservice = Appservice(side.http, server.as_token, server.server_name)
            rates: list[tuple[float, float]] = []
            for number in range(rounds):
                pair = []
                for kind in ("bare", "ours"):
                    history = events(f"{kind}{number}", count)
                    group = Group(chat=history[0].chat, name=kind, members=PEOPLE)
                    run = Migration(
                        plan(group, history, server_name=server.server_name),
                        side,
                        store,
                        server_name=server.server_name,
                    )
                    portal = await run.prepare()
                    await run.gather(portal, history)
                    pair.append(
                        await (
                            bare(server, portal.room, run, history) if kind == "bare" else ours(run, history)
                        )
                    )
                rates.append((pair[0], pair[1]))
            await side.close()
        await store.close()
    base, real = sorted(rates, key=lambda pair: pair[1] / pair[0])[len(rates) // 2]
    detail = f"{real:.0f} events/s, bare aiohttp loop {base:.0f}/s, median of {rounds} rounds of {count}"
    return {"name": "import into a room", "ratio": real / base, "goal": ">= 0.9", "detail": detail}


def run(quick: bool) -> list[Row]:
    """Measure the import."""
    return [asyncio.run(measure(100 if quick else 400, 1 if quick else 5))]

"""``fallback outages`` and ``fallback drill`` on a store that another process owns."""

import asyncio
import json

import msgspec
import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.clock import SystemClock
from fallback.compose.rooms import Room
from fallback.core.events import Identity, Message, Origin
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.ports import Portal, RoomState
from fallback.paths import Profile

PORTAL = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"), name="Newsroom", sending=True)
SARA, OMAR = Identity(mxid="@sara:s", name="Sara"), Identity(mxid="@omar:s", name="Omar")


def said(who, number, at):
    return Message(id=SourceId(f"${number}"), chat=PORTAL.chat, sender=who, at=at, origin=Origin.MATRIX)


@pytest.fixture
async def owner():
    async with compose.open_store(Profile("default")) as store:
        await store.save_portal(PORTAL)
        room = Room(PORTAL, RoomState(room=PORTAL.room, members=(SARA, OMAR)))
        await store.put("room:p", msgspec.json.encode(room).decode())
        yield store


async def run(*arguments):
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    if result.exception:
        raise result.exception
    return result


async def test_an_outage_is_listed_with_its_reach_and_written_to_files(owner, tmp_path):
    for health in (
        Health(900.0, State.DEGRADED),
        Health(1000.0, State.DOWN, Cause.META_OUTAGE, "no names"),
        Health(1600.0, State.UP),
    ):
        await owner.log_health(health)
    await owner.record(PORTAL.id, said(SARA, 1, 1_100_000))
    await owner.record(PORTAL.id, said(OMAR, 2, 1_700_000))
    files = tmp_path / "o.csv", tmp_path / "o.html"
    shown = await run("outages", "--csv", str(files[0]), "--html", str(files[1]))
    assert "10 min, noticed after 100 s, reached 1 of 2, meta_outage: no names" in shown.stdout
    assert "meta_outage" in files[0].read_text("utf-8-sig")
    assert "<svg" in files[1].read_text("utf-8")
    assert json.loads((await run("outages", "--json")).stdout)["reached"] == 1


async def test_a_drill_goes_out_by_the_outbox_and_its_answers_are_counted(owner):
    await run("drill", "start", "Newsroom", "--minutes", "5", "--whatsapp", "--who", "Sara")
    assert (await owner.pending("matrix"), await owner.pending("whatsapp")) == (1, 1)
    await owner.record(PORTAL.id, said(OMAR, 3, SystemClock().now()))
    assert "Newsroom: 1 of 2 reached, missing: Sara" in (await run("drill", "history")).stdout
    told = json.loads((await run("drill", "history", "--json")).stdout)
    assert (told["reached"], told["of"], told["missing"], told["who"]) == (1, 2, ["@sara:s"], "Sara")
    assert "drill  5 min, reached 1 of 2" in (await run("outages")).stdout

"""``fallback ready``, ``rollcall`` and ``switch``, beside a process that owns the profile."""

import json
import stat

import msgspec
import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.clock import SystemClock
from fallback.compose.rooms import Room
from fallback.core import override
from fallback.core.events import Identity, Message, Origin
from fallback.core.health import State
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.ports import Portal, RoomState
from fallback.errors import UsageError
from fallback.paths import Profile

PORTAL = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"), name="Newsroom")
SARA, OMAR = Identity(mxid="@sara:s", name="Sara"), Identity(mxid="@omar:s", name="<b>Omar</b>")


@pytest.fixture
async def owner():
    """The store of a process that goes on owning the profile."""
    async with compose.open_store(Profile("default")) as store:
        await store.save_portal(PORTAL)
        state = RoomState(room=PORTAL.room, members=(SARA,), invited=(OMAR,))
        room = Room(PORTAL, state, homeserver="https://h.example")
        await store.put("room:p", msgspec.json.encode(room).decode())
        now = SystemClock().now()
        said = Message(id=SourceId("$1"), chat=PORTAL.chat, sender=SARA, at=now, origin=Origin.MATRIX)
        await store.record(PORTAL.id, said)
        yield store


async def run(*arguments):
    import asyncio

    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    if result.exception:
        raise result.exception
    return result


async def test_one_figure_and_what_to_do_for_who_is_missing(owner):
    result = await run("ready")
    assert "Newsroom: 50 % ready (1 of 2)" in result.stdout
    assert "<b>Omar</b>  invited: hand them the join sheet" in result.stdout
    assert "last seen" in result.stderr
    told = json.loads((await run("ready", "Newsroom", "--json")).stdout)
    assert (told["percent"], told["fresh"]) == (50, False)
    assert [one["stage"] for one in told["people"]] == ["invited", "ready"]


async def test_the_sheets_are_written_for_the_group_and_for_who_is_not_there(owner, tmp_path):
    result = await run("ready", "--sheet", str(tmp_path / "sheets"), "--qr")
    group, member = sorted((tmp_path / "sheets" / "group-1").iterdir())
    assert "https://h.example" in group.read_text("utf-8")
    assert "&lt;b&gt;Omar" in member.read_text("utf-8")
    assert stat.S_IMODE(member.stat().st_mode) == 0o600
    assert "https://matrix.to/#/!r?via=s" in result.stderr
    assert "█" in result.stderr


async def test_an_unknown_group_is_refused_by_name(owner):
    with pytest.raises(UsageError, match="there is no group 'x'"):
        await run("ready", "x")


async def test_the_roll_call_counts_since_the_outage(owner):
    assert "no outage is on" in (await run("rollcall")).stderr
    await owner.put("outage", '{"since":1}')
    assert (await run("rollcall")).stdout == "Newsroom: 1 of 1 reached\n"
    told = json.loads((await run("rollcall", "--json", "--watch")).stdout)
    assert (told["answers"][0]["sign"], told["missing"]) == ("wrote", [])
    assert "missing: Sara" in (await run("rollcall", "--since", "2999-01-01")).stdout


@pytest.mark.parametrize(("word", "state"), [("down", State.DOWN), ("up", State.UP), ("auto", None)])
async def test_who_switches_and_why_is_left_for_the_relay(owner, word, state):
    await run("switch", word, "--who", "Sara\x1b[31m", "--why", "calls fail")
    said = override.decode(await owner.get(override.KEY))
    assert (said.state, said.why) == (state, "calls fail")
    assert said.who.startswith("Sara")
    assert "\x1b" not in said.who

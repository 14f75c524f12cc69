"""``fallback relay``'s commands where no relay runs: they look into the store themselves."""

import json

import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.core.events import Message
from fallback.core.ids import ChatId, DeliveryId, PortalId, RoomId, SourceId
from fallback.core.outbox import Delivery, Wedge
from fallback.core.ports import Portal
from fallback.errors import StoreError
from fallback.paths import Profile
from fallback.relay.client import NoRelayError

PORTAL = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"), name="Newsroom")


@pytest.fixture
async def stuck():
    """A profile with a delivery that is stuck; gives its id."""
    async with compose.open_store(Profile("default")) as store:
        await store.save_portal(PORTAL)
        event = Message(id=SourceId("W"), chat=PORTAL.chat, text="confidential")
        await store.record(PORTAL.id, event, [Delivery(DeliveryId("d1"), PORTAL.id, "matrix", event)])
        (leased,) = await store.lease("matrix", owner="t", now=1, seconds=9)
        await store.settle(leased, Wedge("too large\x1b[2J"), now=1)
    return "d1"


def run(*arguments):
    result = CliRunner().invoke(main, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_stuck_are_listed_without_what_they_say(stuck):
    result = run("relay", "wedges")
    assert result.stdout.startswith("d1  p → matrix: too large")
    assert "no relay runs" in result.stderr
    assert "confidential" not in result.output
    assert "\x1b" not in result.output
    (one,) = json.loads(run("relay", "wedges", "--json").stdout)
    assert (one["id"], one["target"]) == ("d1", "matrix")


def test_one_is_tried_again_or_given_up(stuck):
    assert json.loads(run("relay", "status", "--json").stdout)["stuck"] == 1
    run("relay", "retry", stuck)
    told = json.loads(run("relay", "status", "--json").stdout)
    assert (told["running"], told["waiting"], told["stuck"]) == (False, 1, 0)
    run("relay", "drop", stuck)
    assert "waiting     0; 0 stuck" in run("relay", "status").stdout


def test_an_unknown_one_is_refused_by_name(stuck):
    with pytest.raises(StoreError, match="there is no delivery d9"):
        run("relay", "drop", "d9")


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_pause_needs_a_relay(command):
    with pytest.raises(NoRelayError, match="no relay runs on this profile"):
        run("relay", command)

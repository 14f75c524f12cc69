"""What an admin does with a group, key by key."""

import pytest
from msgspec.structs import replace

from fallback.core.ids import RoomId
from fallback.errors import PermanentError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.tui.screens.dialogs import Menu
from fallback.tui.views import PersonView, Presence
from tests.tui.fakes import app, roster, session
from tests.tui.test_main import Hand

SARA = "@sara:test"


class Room:
    """A room's state as an admin changes it."""

    def __init__(self):
        self.did, self.closed, self.pins, self.refused = [], False, (), False

    async def is_announce_only(self, room):
        return self.closed

    async def set_announce_only(self, room, on):
        self.closed = on

    async def pinned(self, room):
        return self.pins

    async def set_pinned(self, room, event, on):
        self.pins = (*self.pins, event) if on else tuple(one for one in self.pins if one != event)

    def __getattr__(self, name):
        async def do(room, what):
            if self.refused:
                raise PermanentError("the homeserver refused it")
            self.did.append((name, what))

        return do


async def people(portal):
    here = PersonView(name="Sara Haddad", contact=SARA, presence=Presence.HERE)
    return [*(await roster(portal)), here]


@pytest.fixture
async def hand(request):
    one = await session()
    one._roster, one.admin = people, Room()
    one.side = MemoryHomeserver(MemoryServer(), "laila")
    client = app(one, language=getattr(request, "param", "en"))
    async with client.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        made = Hand(client, pilot, one)
        await made.settle()
        yield made


async def do(hand, *keys):
    for key in keys:
        await hand.press(key)
        await hand.settle()


@pytest.mark.parametrize("hand", ["en", "ar"], indirect=True)
async def test_the_window_offers_what_an_admin_can_do(hand, snapshot):
    await do(hand, "f8")
    assert hand.see() == snapshot


async def test_a_group_gets_another_name_and_a_refusal_keeps_what_was_typed(hand):
    hand.session.admin.refused = True
    await do(hand, "f8", "1", "ctrl+u", *"Desk", "enter")
    assert "the homeserver refused it" in hand.see()
    assert "Desk" in hand.see()
    hand.session.admin.refused = False
    await do(hand, "enter")
    assert hand.session.admin.did == [("rename", "Desk")]


async def test_only_admins_may_write_and_then_everybody_again(hand):
    await do(hand, "f8", "3")
    assert hand.session.admin.closed
    await do(hand, "f8")
    assert "Let everybody write" in hand.see()
    await do(hand, "3")
    assert not hand.session.admin.closed


async def test_somebody_is_made_an_admin(hand):
    await do(hand, "f8", "6", "enter")
    assert hand.session.admin.did == [("promote", SARA)]


async def test_putting_somebody_out_is_asked_once_more(hand):
    await do(hand, "f8", "5", "enter")
    assert isinstance(hand.client.screen, Menu)
    await do(hand, "2")
    assert hand.session.admin.did == []
    await do(hand, "f8", "5", "enter", "1")
    assert hand.session.admin.did == [("remove", SARA)]


async def test_an_invitation_goes_to_a_matrix_id_and_to_nothing_else(hand):
    room = RoomId("!news")
    server = hand.session.side.server
    made = await hand.session.side.create_room(_spec())
    server.rooms[room] = server.rooms[made]
    await do(hand, "f8", "4", *"omar", "enter")
    assert "no Matrix id" in hand.see()
    await do(hand, "ctrl+u", *"@omar:test", "enter")
    assert "@omar:test" in server.rooms[room].invited


def _spec():
    from fallback.core.ports import RoomSpec

    return RoomSpec(name="News")


async def test_a_message_is_pinned_once_it_is_on_the_server(hand):
    await do(hand, *"hi", "enter", "up", "enter", "p")
    assert "not on the server yet" in hand.see()
    await do(hand, "escape")
    from tests.tui.fakes import deliver

    await deliver(hand.session)
    await do(hand, "enter", "p")
    [pinned] = hand.session.admin.pins
    assert pinned.startswith("$")
    await do(hand, "enter", "p")
    assert hand.session.admin.pins == ()


async def test_who_is_no_admin_is_told_so(hand):
    async def without_power(portal):
        return [replace(one, admin=False) for one in await people(portal)]

    hand.session._roster = without_power
    await do(hand, "f8")
    assert "Only the group's admins" in hand.see()


async def test_before_the_connection_nothing_is_promised(hand):
    hand.session.admin = None
    await do(hand, "f8")
    [note] = hand.client._notifications
    assert "needs the connection" in note.message

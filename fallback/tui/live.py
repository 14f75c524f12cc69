"""The client on a real account: the session over the store, its loops, and what the room tells of WhatsApp."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from fallback.bridge.account import AccountLoops
from fallback.bridge.files import Files
from fallback.bridge.signs import SignSender
from fallback.config import Interface
from fallback.core.announce import heard
from fallback.core.contact_book import Book
from fallback.core.events import Identity, Message
from fallback.core.ids import ChatId, PortalId, RoomId, UserId
from fallback.core.media import Media
from fallback.core.ports import Clock, Portal, RoomState, Store
from fallback.core.rollcall import call
from fallback.core.roster import is_ghost, is_system
from fallback.core.signs import Side
from fallback.errors import TransientError
from fallback.tui.session import Action, StoreSession
from fallback.tui.views import PersonView, Presence

LOOKED_BACK = 500
"""Rows in which the newest announcement and the signs of life are looked for."""


class Live:
    """Joins a session with the loops of its account.

    Args:
        open_side: makes the Matrix side; awaited after the first frame, because loading it takes time.
        actions: keys that only this client offers.
        media: where files are kept until they are sent; without it, none are.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        me: Identity,
        open_side: Callable[[], Awaitable[Side]],
        *,
        actions: Callable[[], list[Action]] = list,
        media: Media | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.me = me
        self.open_side = open_side
        self.side: Side | None = None
        self.loops: AccountLoops | None = None
        self.states: dict[str, RoomState] = {}
        self.files = None if media is None else Files(store, media)
        self.session = StoreSession(
            store,
            clock,
            UserId(me.mxid),
            name=me.name,
            ring=self._ring,
            connecting=self._connect,
            roster=self._people,
            actions=actions,
            files=self.files,
        )
        self._connected = asyncio.Event()

    async def run(self, interface: Interface, *, plain: bool = False) -> None:
        """Show the client until the person leaves; its loops run beside it.

        Args:
            plain: line by line instead of a screen.
        """
        if plain:
            from fallback.tui.plain import run_plain as show  # noqa: PLC0415 - and no Textual
        else:
            from fallback.tui.app import run_async as show  # noqa: PLC0415 - Textual is loaded when it is shown

        async with asyncio.TaskGroup() as group:
            loops = group.create_task(self._run_loops())
            try:
                await show(self.session, interface)
            finally:
                loops.cancel()

    async def _run_loops(self) -> None:
        await self._connected.wait()
        if self.loops is not None and self.session.signs is not None:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self.loops.run())
                loops.create_task(self.session.signs.run())

    async def _connect(self) -> None:
        self.side = await self.open_side() if self.side is None else self.side
        self.session.side, self.session.keys = self.side, self.side.keys
        self.session.admin = self.side.administration
        self.session.signs = SignSender(self.side, self.clock)
        self.loops = AccountLoops(
            self.side,
            self.store,
            self.clock,
            told=self._told,
            online=self._online,
            files=self.files,
            typing=self._typing,
        )
        for portal in await self.store.portals():
            await self._told(portal)
        self._connected.set()

    def _ring(self) -> None:
        if self.loops is not None:
            self.loops.outbox.ring()

    async def _online(self, wait: float | None) -> None:
        self.session.on_online(wait)
        if wait is None:
            self.session.on_keys()
            if self.session.signs is not None:
                self.session.signs.ring()

    async def _typing(self, room: RoomId, users: tuple[UserId, ...]) -> None:
        """Name those who write, as one's own contacts name them."""
        others = [user for user in users if user != self.me.mxid]
        known = {}
        if others:
            state = await self._state(Portal(id=PortalId(room), chat=ChatId(room), room=room))
            book = Book(await self.store.contacts())
            known = {one.mxid: book.own_name(one) or one.name for one in state.members}
        self.session.on_typing(room, tuple(known.get(user) or user for user in others))

    async def _told(self, portal: Portal) -> None:
        """Pass a change on, and follow what the relay announced and who gave a sign since."""
        self.session.on_timeline(portal.id)
        state = await self._state(portal)
        rows = await self.store.timeline(portal.id, limit=LOOKED_BACK)
        events = [row.event for row in rows]
        verdict = heard(events, set(state.admins))
        if verdict is None:
            return
        here = [one for one in state.members if not is_ghost(one.mxid) and one.mxid not in state.admins]
        elsewhere = [one for one in state.members if is_ghost(one.mxid) and not is_system(one.mxid)]
        words = (event for event in events if isinstance(event, Message))
        roll = call(here, words, since=int(verdict.at * 1000))
        self.session.on_reached(len(roll.reached), len(here) + len(elsewhere))
        self.session.on_health(verdict)

    async def _state(self, portal: Portal) -> RoomState:
        """Describe the room, from the homeserver where it answers, else as it was."""
        if self.side is not None and portal.room not in self.states:
            with contextlib.suppress(TransientError):
                self.states[portal.room] = await self.side.room_state(portal.room)
        return self.states.get(portal.room) or RoomState(room=portal.room)

    async def _people(self, portal: Portal) -> list[PersonView]:
        """List a room's people: those here and invited, then the ghosts of those who are on WhatsApp alone."""
        self.states.pop(portal.room, None)
        state = await self._state(portal)
        book = Book(await self.store.contacts())
        rows = [
            self._person(replace(one, name=book.own_name(one)), state, presence)
            for presence, people in ((Presence.HERE, state.members), (Presence.INVITED, state.invited))
            for one in people
            if not is_system(one.mxid)
        ]
        order = {Presence.HERE: 0, Presence.INVITED: 1, Presence.MISSING: 2}
        return sorted(rows, key=lambda one: (not one.me, order[one.presence], one.name))

    def _person(self, one: Identity, state: RoomState, presence: Presence) -> PersonView:
        return PersonView(
            name=one.name or one.mxid,
            contact=one.mxid,
            presence=Presence.MISSING if is_ghost(one.mxid) else presence,
            admin=one.mxid in state.admins,
            me=one.mxid == self.me.mxid,
        )

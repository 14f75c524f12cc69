"""Bring people into a group's room: who is invited, who leads, and what each one's sheet says."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from fallback.bridge.migrate import leaders_key
from fallback.compose.rooms import Room
from fallback.core.contact_book import Book
from fallback.core.events import Frozen, Identity
from fallback.core.ids import RoomId, UserId
from fallback.core.importing import Furnishing
from fallback.core.ports import Store
from fallback.core.readiness import Readiness, Stage, Standing
from fallback.core.roster import ghost, is_ghost
from fallback.errors import PermanentError

if TYPE_CHECKING:
    from fallback.homeserver.managed import ManagedHomeserver
    from fallback.matrix.client import NioHomeserver

TOKEN_LASTS = 30 * 86_400_000
"""ms for which a registration token can be used."""


class Invited(Frozen, frozen=True):
    """What became of one invitation: ``invited``, ``postponed`` or ``refused``, and why."""

    user: UserId
    standing: str
    why: str = ""


async def invite_all(
    side: "NioHomeserver", store: Store, room: Room, users: Iterable[UserId]
) -> list[Invited]:
    """Invite people, the history's keys first; admins of the group lead the room too."""
    book = Book(await store.contacts())
    wanted = list(dict.fromkeys(users))
    led = set((await store.get(leaders_key(room.portal.id)) or "").split())
    leaders = [user for user in wanted if led & ghosts_of(user, book, led)]
    if leaders:
        await side.furnish(room.portal.room, Furnishing(powers=dict.fromkeys(leaders, 100)))
    return [await invite_one(side, room.portal.room, user) for user in wanted]


async def invite_one(side: "NioHomeserver", room: RoomId, user: UserId) -> Invited:
    """Invite somebody; a refusal is told and stops nobody else's invitation."""
    try:
        await side.invite(room, user)
    except PermanentError as error:
        waits = {(one.room, one.user): one.standing for one in await side.invitations.pending()}
        return Invited(user, waits.get((room, user), "refused"), error.message)
    return Invited(user, "invited")


def matched(judged: Readiness) -> list[UserId]:
    """List the accounts of a group's people who are not invited yet."""
    return [UserId(one.mxid) for one in judged.people if one.stage is Stage.UNINVITED]


async def tokens(
    server: "ManagedHomeserver", store: Store, room: Room, people: Sequence[Standing], *, now: int
) -> dict[str, str]:
    """Give each person without an account a registration token of their own, the same until it is too old."""
    key = f"registration:{room.portal.id}"
    kept = msgspec.json.decode(await store.get(key) or "{}", type=dict[str, tuple[str, int]])
    for one in people:
        mark = one.phone or one.name
        if one.stage is Stage.UNMAPPED and kept.get(mark, ("", 0))[1] <= now:
            expires = now + TOKEN_LASTS
            kept[mark] = (await server.registration_token(expires_at=expires), expires)
            await store.put(key, msgspec.json.encode(kept).decode())
    return {mark: token for mark, (token, _) in kept.items()}


def ghosts_of(user: UserId, book: Book, ghosts: Iterable[str]) -> set[str]:
    """Give the ghosts that stand for an account's person, by the contacts."""
    servers = {one.partition(":")[2] for one in ghosts if is_ghost(one)}
    return {
        ghost(identity, server)
        for contact in book.with_mark(user)
        for server in servers
        for identity in (
            *(Identity(phone=phone) for phone in contact.phones),
            *(Identity(lid=lid) for lid in contact.lids),
            *(Identity(name=name) for name in (contact.name, *contact.aliases) if name),
        )
    }

"""The rooms of a profile as they are now, or as they were when the homeserver last answered."""

from typing import TYPE_CHECKING

import msgspec

from fallback.compose.accounts import account, renewal
from fallback.core.events import Frozen
from fallback.core.ids import UserId
from fallback.core.ports import Portal, RoomState, Store
from fallback.core.readiness import accounts
from fallback.core.roster import relay_of
from fallback.errors import AuthError, PermanentError, TransientError, UsageError

if TYPE_CHECKING:
    from fallback.matrix.rooms import Rooms


class Room(Frozen, frozen=True):
    """A portal with its room.

    Args:
        state: empty where nobody ever saw it.
        keyed: accounts with a device with keys; ``None`` in a room that needs none.
        machines: accounts that are nobody's.
        fresh: the homeserver has answered.
    """

    portal: Portal
    state: RoomState
    keyed: frozenset[UserId] | None = None
    machines: frozenset[UserId] = frozenset()
    homeserver: str = ""
    fresh: bool = False


async def rooms(store: Store, group: str = "") -> list[Room]:
    """Ask for every room, or that of one group; one that can't be asked is as it was last seen.

    Args:
        group: a portal's name or id; empty for all.

    Raises:
        UsageError: there is no such group.
    """
    chosen = [one for one in await store.portals() if group in ("", one.name, one.id)]
    if group and not chosen:
        raise UsageError(f"there is no group {group!r}", "See their names with `fallback status`.")
    from fallback.matrix.http import MatrixHttp
    from fallback.matrix.rooms import Rooms

    try:
        known = await account(store)
    except AuthError:
        return [await _kept(store, portal) for portal in chosen]
    http = MatrixHttp(known.url, known.token, renew=renewal(store))
    try:
        return [await _room(store, Rooms(http, known.user), portal) for portal in chosen]
    finally:
        await http.close()


async def _room(store: Store, side: "Rooms", portal: Portal) -> Room:
    from fallback.matrix.devices import with_keys

    machines = frozenset({relay_of(side.user)})
    try:
        state = await side.state(portal.room)
        keyed = await with_keys(side.http, accounts(state, machines)) if state.encrypted else None
    except (TransientError, PermanentError, AuthError):
        return await _kept(store, portal)
    room = Room(portal, state, keyed, machines, side.http.url, fresh=True)
    await store.put(_key(portal), msgspec.json.encode(msgspec.structs.replace(room, fresh=False)).decode())
    return room


async def _kept(store: Store, portal: Portal) -> Room:
    kept = await store.get(_key(portal))
    return msgspec.json.decode(kept, type=Room) if kept else Room(portal, RoomState(room=portal.room))


def _key(portal: Portal) -> str:
    return f"room:{portal.id}"

"""A room of its own for the history of a group that lives in a room already; each of the two leads to the other."""

from msgspec.structs import replace

from fallback.core.events import Notice, Origin
from fallback.core.ids import PortalId, RoomId, SourceId
from fallback.core.join_sheet import matrix_to
from fallback.core.linking import Linking
from fallback.core.migration import Plan
from fallback.core.ports import Homeserver, Portal, Store
from fallback.core.routing import MATRIX, delivery_id


async def archive_room(
    homeserver: Homeserver, links: Linking, store: Store, plan: Plan, live: RoomId
) -> Portal:
    """Give the room for the history that belongs to a live one, which is made once.

    Args:
        live: where the group is now; it is told in a notice, and in its topic where we may.

    Raises:
        TransientError, PermanentError: as ``Homeserver.send``; a second call goes on.
    """
    via = (homeserver.user.partition(":")[2],)
    name = PortalId(f"{plan.portal}/archive")
    portal = await store.portal(name)
    if portal is None:
        topic = f"What was said before. The group is in {matrix_to(live, via)}"
        title = f"{plan.room.name} (archive)"
        spec = replace(plan.room, name=title, topic=topic, alias="", announce_only=False)
        room = await homeserver.create_room(spec)
        portal = Portal(id=name, chat=plan.chat, room=room, name=title, ghosts=False)
        await store.save_portal(portal)
    if not await store.get(f"linked:{portal.id}"):
        text = f"What was said before is in {matrix_to(portal.room, via)}"
        notice = Notice(
            id=SourceId("archive"), chat=plan.chat, origin=Origin.MATRIX, text=text, topic="archive"
        )
        await links.mention(live, text)
        await homeserver.send(live, notice, transaction=delivery_id(portal, notice, MATRIX))
        await store.put(f"linked:{portal.id}", live)
    return portal


async def put_in_space(links: Linking, store: Store, name: str, rooms: tuple[RoomId, ...]) -> RoomId:
    """Put rooms into the profile's space of that name, which is made once."""
    kept = await store.get(f"space:{name}")
    space = RoomId(kept) if kept else await links.create_space(name)
    if not kept:
        await store.put(f"space:{name}", space)
    for room in rooms:
        await links.put_in_space(space, room)
    return space

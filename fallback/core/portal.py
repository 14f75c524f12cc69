"""What stands on both sides of a portal: the remote network, the room, and the rows of the timeline between."""

from enum import StrEnum

from fallback.core.events import Attachment, Canonical, Frozen, Identity
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId, UserId


class ConnectorState(StrEnum):
    """How a connector stands with its network; account troubles are told apart from outages."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    REPLACED = "stream_replaced"
    BANNED = "temp_ban"
    OUTDATED = "outdated"


class Capabilities(Frozen, frozen=True):
    """What a network can be told; the rest becomes honest text in ``core.routing``.

    Args:
        fixed_ids: the sender chooses the message id, so a re-send is harmless.
        edit_within, revoke_within: seconds; 0 for never.
        text_limit: characters of one message.
        live: what comes in, and the connector's state, tell how the network is now.
        through_graph: Meta's Graph API is its way.
    """

    send: bool = True
    media: bool = True
    replies: bool = True
    reactions: bool = True
    polls: bool = True
    locations: bool = True
    fixed_ids: bool = False
    edit_within: int = 0
    revoke_within: int = 0
    text_limit: int = 65_536
    live: bool = True
    through_graph: bool = False


class RoomSpec(Frozen, frozen=True):
    """The room that a portal wants.

    Args:
        alias: localpart of an alias that makes creation idempotent.
        admins: users with power 100 beside the creator (creators have more since version 12).
        announce_only: only admins may speak.
    """

    name: str
    topic: str = ""
    alias: str = ""
    version: str = "12"
    invite: tuple[UserId, ...] = ()
    admins: tuple[UserId, ...] = ()
    announce_only: bool = False
    encrypted: bool = False


class SyncBatch(Frozen, frozen=True):
    """What a sync brought.

    Args:
        events: canonical, each with its room's id as chat and its Matrix event id as id.
        token: what to ask for next; saved in the same transaction as the events.
        invited: rooms, and who invites us.
        limited: rooms whose timeline had a gap before these events.
        typing: rooms where that has changed, and who is writing there now.
    """

    events: tuple[Canonical, ...]
    token: str
    joined: tuple[RoomId, ...] = ()
    invited: tuple[tuple[RoomId, UserId], ...] = ()
    limited: tuple[tuple[RoomId, str], ...] = ()
    typing: tuple[tuple[RoomId, tuple[UserId, ...]], ...] = ()


class RoomState(Frozen, frozen=True):
    """What a room is now, for lists and panels; ``admins`` have power 50 at least."""

    room: RoomId
    name: str = ""
    topic: str = ""
    encrypted: bool = False
    members: tuple[Identity, ...] = ()
    invited: tuple[Identity, ...] = ()
    admins: tuple[UserId, ...] = ()


class Seen(Frozen, frozen=True):
    """An event that a relay or migration brought, as the room shows it.

    Args:
        source: its id on the network where it was first said.
        text: of a message, a caption or a system line; empty for all else.
        late: it was brought after newer ones.
        file: what is attached, as ``Homeserver.download`` takes it.
    """

    source: SourceId
    event: EventId
    sender: UserId
    at: int
    text: str
    late: bool = False
    file: Attachment | None = None


class Portal(Frozen, frozen=True):
    """A remote group and its room.

    Args:
        sending: messages from the room go to the remote group; off until an admin turns it on.
        ghosts: the homeserver has an appservice for us, so people keep their own names.
    """

    id: PortalId
    chat: ChatId
    room: RoomId
    name: str = ""
    sending: bool = False
    ghosts: bool = True


class TimelineRow(Frozen, frozen=True):
    """A recorded event as a client shows it.

    Args:
        row: grows with every record; the order of the timeline.
        event: the event; its chat is the portal's or the room's.
        state: of its delivery, empty where there is none.
    """

    row: int
    event: Canonical
    portal: PortalId
    state: str = ""
    error: str = ""
    delivery: DeliveryId = DeliveryId("")

"""Canonical events: what every network says and every network is told.

Times are milliseconds since the epoch, UTC.  Text is WhatsApp markup (``*bold*``), logical order, already
sanitised (``fallback.text``).  Shapes follow mautrix-whatsapp's event content where Matrix has one.
"""

from enum import StrEnum

import msgspec

from fallback.core.ids import ChatId, SourceId


class Frozen(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of every value that core takes or gives."""


class Identity(Frozen, frozen=True):
    """A person as one side names them; several identities can be one person (``core.roster``).

    Args:
        name: the display name, push name or export label.
        phone: E.164 with ``+``, where known.
        lid: WhatsApp's linked id (digits), where known.
        mxid: the Matrix user id, where known.
        me: the account that exported or linked ("You").
    """

    name: str = ""
    phone: str = ""
    lid: str = ""
    mxid: str = ""
    me: bool = False

    @property
    def key(self) -> str:
        """The strongest name there is, for dedup and look-up; empty for nobody."""
        return self.mxid or self.phone or (f"lid:{self.lid}" if self.lid else self.name)


NOBODY = Identity()


CLEAR = "clear"
"""Trust of words that came in clear into an encrypted room."""


class Origin(StrEnum):
    """Where an event was born."""

    WHATSAPP = "whatsapp"
    MATRIX = "matrix"
    EXPORT = "export"


class MediaKind(StrEnum):
    """What an attachment is, which decides how a client shows it."""

    IMAGE = "image"
    VIDEO = "video"
    GIF = "gif"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    CONTACT = "contact"


class Attachment(Frozen, frozen=True):
    """A file that belongs to a message.

    Args:
        source: where its bytes are: a member of the export, a connector's handle, an ``mxc://`` address;
            empty where WhatsApp left them out ("<Media omitted>").
        size: bytes; 0 where unknown.
        duration_ms, width, height: 0 where unknown.
        waveform: loudness of a voice note, 0 to 1024 a step.
        sha256: hex digest of the plain bytes, where known.
        keys: what the bytes at ``source`` are encrypted with, as Matrix's JSON (``EncryptedFile``); a secret.
        thumbnail: a small picture of it.
    """

    kind: MediaKind
    filename: str = ""
    source: str = ""
    mimetype: str = ""
    size: int = 0
    sha256: str = ""
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    waveform: tuple[int, ...] = ()
    keys: str = ""
    thumbnail: "Attachment | None" = None


class Location(Frozen, frozen=True):
    """A place; ``live`` where WhatsApp was sharing movements."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    live: bool = False


class PollOption(Frozen, frozen=True):
    """An answer of a poll, with the votes that an export tells; ``id`` is what a vote names it by."""

    text: str
    votes: int = 0
    id: str = ""


class Poll(Frozen, frozen=True):
    """A question with answers; ``selectable`` is how many one person may choose, 0 for any number."""

    question: str
    options: tuple[PollOption, ...]
    selectable: int = 0


class Event(Frozen, frozen=True, tag=True, kw_only=True):
    """What all events share.

    Args:
        id: unique within (chat, origin): the dedup key.
        chat: the remote group it belongs to.
        sender: who did it; ``NOBODY`` where the network itself speaks.
        at: when, by the sender's network.
        late: it was queued during an outage and arrives after newer ones.
        relayed: the network where it was first said, when a relay brought it here.
        transaction: of our own request that made it, where the homeserver tells.
        trust: how sure its sender is, where it came encrypted: ``ok``, ``unsigned`` or ``unknown`` device,
            ``imported`` (true to whom the key came from), ``clear`` (though the room is encrypted); empty where
            the room is not encrypted.
    """

    id: SourceId
    chat: ChatId
    sender: Identity = NOBODY
    at: int = 0
    origin: Origin = Origin.WHATSAPP
    late: bool = False
    relayed: Origin | None = None
    transaction: str = ""
    trust: str = ""


class Message(Event, frozen=True, tag=True, kw_only=True):
    """Something said: text, a file with its caption, a place or a poll.

    Args:
        text: the body or caption; empty for a bare file.
        deleted: all that is left of it is that it was there.
        expires_after: seconds of a disappearing message; 0 for one that stays.
    """

    text: str = ""
    attachment: Attachment | None = None
    location: Location | None = None
    poll: Poll | None = None
    reply_to: SourceId | None = None
    mentions: tuple[Identity, ...] = ()
    mentions_all: bool = False
    edited: bool = False
    deleted: bool = False
    forwarded: bool = False
    view_once: bool = False
    expires_after: int = 0


class Edit(Event, frozen=True, tag=True, kw_only=True):
    """A message's text changed by its author."""

    target: SourceId
    text: str
    mentions: tuple[Identity, ...] = ()


class Reaction(Event, frozen=True, tag=True, kw_only=True):
    """An emoji put under a message; an empty key takes the person's reaction back."""

    target: SourceId
    key: str


class Redaction(Event, frozen=True, tag=True, kw_only=True):
    """A message or reaction taken back by its author or an admin."""

    target: SourceId
    reason: str = ""


class Vote(Event, frozen=True, tag=True, kw_only=True):
    """A person's whole present choice in a poll, as option ids where the network has them, else texts."""

    target: SourceId
    options: tuple[str, ...]


class ReceiptKind(StrEnum):
    """How far a message got."""

    DELIVERED = "delivered"
    READ = "read"


class Receipt(Event, frozen=True, tag=True, kw_only=True):
    """Who got or read what."""

    targets: tuple[SourceId, ...]
    kind: ReceiptKind


class MembershipChange(StrEnum):
    """What happened to members; sender is who did it."""

    CREATED = "created"
    ADDED = "added"
    REMOVED = "removed"
    LEFT = "left"
    JOINED_BY_LINK = "joined_by_link"
    INVITED = "invited"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    NUMBER_CHANGED = "number_changed"


class Membership(Event, frozen=True, tag=True, kw_only=True):
    """Somebody came, went or changed rank; ``text`` is the network's own sentence, if it had one."""

    change: MembershipChange
    members: tuple[Identity, ...]
    text: str = ""


class Setting(StrEnum):
    """What of a group can be set."""

    SUBJECT = "subject"
    DESCRIPTION = "description"
    ICON = "icon"
    ANNOUNCE_ONLY = "announce_only"
    EDIT_LOCKED = "edit_locked"
    DISAPPEARING = "disappearing"
    PIN = "pin"


class GroupChange(Event, frozen=True, tag=True, kw_only=True):
    """A group's setting changed.

    Args:
        value: the new subject or description; ``on``/``off``; seconds of the timer; the pinned message's id.
    """

    setting: Setting
    value: str = ""
    text: str = ""


class Notice(Event, frozen=True, tag=True, kw_only=True):
    """What a machine says: a network's system line or our own word; always ``m.notice`` in a room.

    Args:
        topic: what it is about, for filters and tests (``encryption``, ``call``, ``outage``, ``digest``…).
    """

    text: str
    topic: str = ""


Canonical = Message | Edit | Reaction | Redaction | Vote | Receipt | Membership | GroupChange | Notice
"""Every kind of event; ``match`` on it ends in ``assert_never``."""


class Group(Frozen, frozen=True):
    """A remote group as its network (or its export's system lines) describes it."""

    chat: ChatId
    name: str = ""
    description: str = ""
    members: tuple[Identity, ...] = ()
    admins: tuple[Identity, ...] = ()
    announce_only: bool = False
    disappearing: int = 0


def encode(event: Canonical) -> bytes:
    """Write an event as JSON, the form that the store keeps."""
    return msgspec.json.encode(event)


_decoder: "msgspec.json.Decoder[Canonical]" = msgspec.json.Decoder(Canonical)


def decode(data: bytes) -> Canonical:
    """Read what ``encode`` wrote.

    Raises:
        msgspec.MsgspecError: the bytes are no event.
    """
    return _decoder.decode(data)

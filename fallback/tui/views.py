"""What the widgets show: frozen values that a session gives."""

from enum import StrEnum
from typing import NamedTuple

from fallback.core.events import Frozen
from fallback.core.ids import PortalId
from fallback.core.ports import TimelineRow


class GroupView(Frozen, frozen=True):
    """A group in the list.

    Args:
        last: the newest message as one line, ``at`` its time in ms; ``last_own`` if it is ours.
        mentions: unread messages that name us.
        typing: names of those who are writing now.
    """

    portal: PortalId
    name: str
    unread: int = 0
    mentions: int = 0
    last: str = ""
    last_sender: str = ""
    last_own: bool = False
    at: int = 0
    members: int = 0
    here: int = 0
    draft: bool = False
    encrypted: bool = False
    typing: tuple[str, ...] = ()


class Presence(StrEnum):
    """Where a member of the WhatsApp group stands on Matrix."""

    HERE = "here"
    INVITED = "invited"
    MISSING = "missing"


class PersonView(Frozen, frozen=True):
    """A person in the people panel.

    Args:
        contact: phone or Matrix id.
        me: it is us.
    """

    name: str
    contact: str = ""
    presence: Presence = Presence.MISSING
    admin: bool = False
    reached: bool = False
    me: bool = False


class BannerKind(StrEnum):
    """What the banner says."""

    OK = "ok"
    MIRRORING = "mirroring"
    DEGRADED = "degraded"
    DOWN = "down"
    RECOVERING = "recovering"
    RECONNECTING = "reconnecting"
    OFFLINE = "offline"


class BannerView(Frozen, frozen=True):
    """The state that the banner shows.

    Args:
        waiting: own messages that have not left this computer.
        held: messages that wait for WhatsApp.
        reached, members: how many of the group are here.
        since: ms; 0 where that means nothing.
        seconds: until the next try, when reconnecting.
    """

    kind: BannerKind = BannerKind.OK
    waiting: int = 0
    held: int = 0
    reached: int = 0
    members: int = 0
    since: int = 0
    seconds: int = 0
    why: str = ""


class Hit(Frozen, frozen=True):
    """A message that a search found."""

    portal: PortalId
    group: str
    row: TimelineRow


class Choice(NamedTuple):
    """A line of a menu.

    Args:
        value: what choosing it gives.
        key: a letter or digit that chooses it at once, or a key that does the same elsewhere.
    """

    value: str
    label: str
    key: str = ""

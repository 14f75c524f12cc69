"""What a session tells the widgets: changes, each a frozen value."""

import msgspec

from fallback.core.ids import PortalId


class GroupsChanged(msgspec.Struct, frozen=True, tag=True):
    """The list of groups, an unread count or a last line is new."""


class TimelineChanged(msgspec.Struct, frozen=True, tag=True):
    """A group's timeline has new rows, or a row's state is new."""

    portal: PortalId


class PeopleChanged(msgspec.Struct, frozen=True, tag=True):
    """Somebody came, went or was reached."""

    portal: PortalId


class BannerChanged(msgspec.Struct, frozen=True, tag=True):
    """The connection, WhatsApp's health or the outbox is new."""


class KeysChanged(msgspec.Struct, frozen=True, tag=True):
    """A verification, an identity, or what waits for its key is new."""


Change = GroupsChanged | TimelineChanged | PeopleChanged | BannerChanged | KeysChanged
"""Every kind of change; ``match`` on it ends in ``assert_never``."""

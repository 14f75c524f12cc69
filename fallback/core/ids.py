"""Opaque identifiers of both sides; only the side that made one takes it apart."""

from typing import NewType

PortalId = NewType("PortalId", str)
"""Our own name of a portal."""

ChatId = NewType("ChatId", str)
"""A remote group, as its connector names it (``1203…@g.us``, a Cloud API group id, an export's key)."""

SourceId = NewType("SourceId", str)
"""An event where it was born: a WhatsApp stanza id, an export's stable key, a Matrix event id."""

RoomId = NewType("RoomId", str)
"""A Matrix room; since room version 12 without a server part, so nobody parses it."""

EventId = NewType("EventId", str)
"""A Matrix event."""

UserId = NewType("UserId", str)
"""A Matrix user, ``@localpart:server``."""

DeliveryId = NewType("DeliveryId", str)
"""A delivery of the outbox; also the Matrix transaction id."""

ContactId = NewType("ContactId", str)
"""A contact of this profile; made by whoever adds it."""

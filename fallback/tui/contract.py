"""What the widgets need of the world; they never do I/O themselves."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from fallback.core.administration import Administration
from fallback.core.events import Attachment, Identity
from fallback.core.ids import DeliveryId, EventId, PortalId, RoomId, SourceId, UserId
from fallback.core.ports import TimelineRow
from fallback.core.trust import Keys
from fallback.tui.messages import Change
from fallback.tui.views import BannerView, GroupView, Hit, PersonView

Action = tuple[str, str, Callable[[], Awaitable[None]]]
"""A key, its label and what it does."""


class Session(Protocol):
    """Everything that the client shows and does; see ``tui.views`` for the values.

    ``keys`` are the account's, ``admin`` its power over rooms, once it is connected; None until then, and where
    there are none.
    """

    me: UserId
    keys: Keys | None
    admin: Administration | None

    async def groups(self) -> list[GroupView]:
        """List the groups, the one with the newest message first."""
        ...

    async def timeline(self, portal: PortalId, before: int = 0, limit: int = 200) -> list[TimelineRow]:
        """Give the newest rows (below ``before``, if not 0), oldest first."""
        ...

    async def people(self, portal: PortalId) -> list[PersonView]:
        """List who belongs to a group."""
        ...

    async def room(self, portal: PortalId) -> RoomId:
        """Give a group's room."""
        ...

    async def event_id(self, portal: PortalId, source: SourceId) -> EventId | None:
        """Give what the room calls a message; ``None`` before it is there."""
        ...

    async def banner(self) -> BannerView:
        """Say how all of it stands."""
        ...

    async def send(
        self,
        portal: PortalId,
        text: str,
        reply_to: SourceId | None = None,
        mentions: Sequence[Identity] = (),
    ) -> None:
        """Write a message; it is in the timeline when this returns."""
        ...

    async def send_file(
        self,
        portal: PortalId,
        file: Attachment,
        data: bytes,
        caption: str = "",
        reply_to: SourceId | None = None,
    ) -> None:
        """Send a file; its message is in the timeline when this returns."""
        ...

    async def download(self, file: Attachment) -> bytes:
        """Fetch a file's bytes."""
        ...

    async def react(self, portal: PortalId, target: SourceId, key: str) -> None:
        """Put an emoji under a message; an empty one takes it back."""
        ...

    async def edit(self, portal: PortalId, target: SourceId, text: str) -> None:
        """Change an own message."""
        ...

    async def redact(self, portal: PortalId, target: SourceId) -> None:
        """Delete a message."""
        ...

    async def vote(self, portal: PortalId, target: SourceId, options: Sequence[str]) -> None:
        """Choose in a poll."""
        ...

    async def mark_read(self, portal: PortalId, row: int, *, tell: bool = True) -> None:
        """Say that everything up to ``row`` was seen; ``tell`` the others too."""
        ...

    async def invite(self, portal: PortalId, user: UserId) -> None:
        """Invite somebody into a group's room."""
        ...

    async def typing(self, portal: PortalId, on: bool) -> None:
        """Tell the others that something is being written, or no more."""
        ...

    async def first_since(self, portal: PortalId, at: int) -> SourceId | None:
        """Give the first message that is not older than ``at`` (ms)."""
        ...

    async def read_up_to(self, portal: PortalId) -> int:
        """Give the row up to which everything was seen."""
        ...

    async def retry(self, delivery: DeliveryId) -> None:
        """Try a failed message again."""
        ...

    async def drop(self, delivery: DeliveryId) -> None:
        """Give a failed message up."""
        ...

    async def search(self, query: str, portal: PortalId | None = None, limit: int = 50) -> list[Hit]:
        """Find messages by their words, newest first."""
        ...

    async def get(self, key: str) -> str:
        """Read a small fact of the client (a draft, a setting); empty where there is none."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Keep a small fact of the client."""
        ...

    async def connect(self) -> None:
        """Go to the network; called after the first frame."""
        ...

    def changes(self) -> AsyncIterator[Change]:
        """Give what changes, for ever."""
        ...

    def extra_actions(self) -> list[Action]:
        """Offer what only this session can do (the demo's outage)."""
        ...

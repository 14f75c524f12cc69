"""Between the webhook and the loops: events wait here until they are committed, and their POST with them."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from fallback.core.events import Canonical
from fallback.core.ids import ChatId, SourceId
from fallback.errors import TransientError

PATIENCE: Final = 15.0
"""Seconds that a POST waits for its events; then Meta has to send it again."""
_REMEMBERED: Final = 20_000
"""Committed events that a repeated POST need not bring to the store again."""


class Post:
    """One POST that is being answered."""

    def __init__(self, events: Sequence[Canonical]) -> None:
        self.waiting = len(events)
        self.done = asyncio.Event()
        self.failed = False


class Offered:
    """An event of a POST on its way to the store."""

    def __init__(self, event: Canonical, post: Post, intake: "Intake") -> None:
        self.event = event
        self.post = post
        self._intake = intake

    async def ack(self) -> None:
        """Let the POST be answered, when this was the last of its events."""
        self._intake.committed(self)


class Intake:
    """The queue; it holds only events whose POST is still open, so it is bounded by those.

    Args:
        idle: what to do while nothing comes; cancelled when something does.
    """

    def __init__(self, idle: Callable[[], Awaitable[None]], *, patience: float = PATIENCE) -> None:
        self.closed = False
        self._idle = idle
        self._patience = patience
        self._queue: deque[Offered] = deque()
        self._bell = asyncio.Event()
        self._known: OrderedDict[tuple[ChatId, SourceId], None] = OrderedDict()

    async def take(self, events: Sequence[Canonical]) -> None:
        """Return when all events are committed.

        Raises:
            TransientError: they are not, and it has taken too long or the connector is closing.
        """
        fresh = [event for event in events if (event.chat, event.id) not in self._known]
        if not fresh:
            return
        if self.closed:
            raise TransientError("the relay is not running")
        post = Post(fresh)
        self._queue.extend(Offered(event, post, self) for event in fresh)
        self._bell.set()
        try:
            async with asyncio.timeout(self._patience):
                await post.done.wait()
        except TimeoutError as error:
            raise TransientError("its events are not committed yet") from error
        finally:
            self._queue = deque(one for one in self._queue if one.post is not post)
        if post.failed:
            raise TransientError("the relay is stopping")

    def committed(self, offered: Offered) -> None:
        """Forget an event that is safe; harmless the second time."""
        if offered not in self._queue:
            return
        self._queue.remove(offered)
        self._known[offered.event.chat, offered.event.id] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        offered.post.waiting -= 1
        if not offered.post.waiting:
            offered.post.done.set()

    async def events(self) -> AsyncIterator[Offered]:
        """Give what waits, the oldest first, until it is closed; what is not acknowledged is given again."""
        while not self.closed:
            if self._queue:
                yield self._queue[0]
                await asyncio.sleep(0)
            else:
                self._bell.clear()
                await self._rest()

    def close(self) -> None:
        """Fail the open POSTs: their events come again after the next start."""
        self.closed = True
        for offered in self._queue:
            offered.post.failed = True
            offered.post.done.set()
        self._bell.set()

    async def _rest(self) -> None:
        """Wait for the bell; meanwhile do what is done while nothing comes."""
        async with asyncio.TaskGroup() as tasks:
            idle = tasks.create_task(_forever(self._idle))
            await self._bell.wait()
            idle.cancel()


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await work()

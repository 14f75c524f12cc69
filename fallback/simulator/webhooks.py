"""Meta's webhooks: what phones say as signed POSTs, with the quirks and faults of the real ones.

Quirks and their sources: Meta's pages on webhooks, groups and business-scoped user ids (see docs/connectors.md).
"""

import asyncio
import io
import random
from collections import deque
from typing import Any, Final

import aiohttp
import msgspec

from fallback.core.events import Canonical
from fallback.core.ids import ChatId
from fallback.core.ports import Clock
from fallback.networks.whatsapp.cloud_webhook import SIGNATURE, sign
from fallback.simulator.payloads import Quirks, status, values

_MOST: Final = 1000
"""Updates in one POST."""
_RETRY: Final = (0.0, 0.05, 0.2, 1.0)
"""Seconds between two tries; the last one is repeated.  Meta's own grow for up to seven days."""


class Faults(msgspec.Struct):
    """What goes wrong on the way; shares are between 0 and 1.

    Args:
        batch: updates in one POST.
        duplicated: share of POSTs that come twice.
        shuffled: updates of a POST come in any order.
        forged: share of POSTs before which one with a wrong signature comes.
        stopped: nothing is delivered; it waits.
    """

    batch: int = 1
    duplicated: float = 0.0
    shuffled: bool = False
    forged: float = 0.0
    stopped: bool = False
    quirks: Quirks = msgspec.field(default_factory=Quirks)


class Webhooks:
    """Delivers to one address; listens to a ``LoopbackNetwork``.

    Args:
        url: where the connector listens.
        number: the phone number id that everything is for.

    Attributes:
        answers: the status of each POST, forged ones not counted.
        refused: the status of each forged POST.
    """

    echoes = False

    def __init__(self, url: str, app_secret: str, number: str, clock: Clock, *, seed: int = 0) -> None:
        self.url = url
        self.faults = Faults()
        self.answers: list[int] = []
        self.refused: list[int] = []
        self._secret = app_secret.encode()
        self._number = number
        self._clock = clock
        self._random = random.Random(seed)
        self._queue: deque[dict[str, Any]] = deque()
        self._bell = asyncio.Event()
        self._drained = asyncio.Event()

    def offer(self, event: Canonical) -> None:
        """Queue what a phone did."""
        self._add(values(event, self.faults.quirks))

    def tell(self, chat: ChatId, wamid: str, what: str, *, participant: str = "", ours: str = "") -> None:
        """Queue a status of a message that we took."""
        now = self._clock.now()
        self._add(
            [status(chat, wamid, what, self.faults.quirks, participant=participant, ours=ours, now=now)]
        )

    def ring(self) -> None:
        """Look again, after a fault has ended."""
        self._bell.set()

    @property
    def waiting(self) -> int:
        """Updates that are not delivered yet."""
        return len(self._queue)

    async def drained(self) -> None:
        """Wait until all is delivered."""
        while self._queue:
            self._drained.clear()
            await self._drained.wait()

    def _add(self, updates: list[dict[str, Any]]) -> None:
        self._queue.extend(updates)
        self._bell.set()

    async def run(self) -> None:
        """Deliver for ever, in order; what is not answered with 200 is sent again."""
        async with aiohttp.ClientSession() as session:
            while True:
                while self._queue and not self.faults.stopped:
                    await self._deliver(session)
                if not self._queue:
                    self._drained.set()
                self._bell.clear()
                await self._bell.wait()

    async def _deliver(self, session: aiohttp.ClientSession) -> None:
        """Deliver one batch; it leaves the queue when it is taken."""
        size = min(len(self._queue), max(1, self.faults.batch), _MOST)
        batch = [self._queue[place] for place in range(size)]
        if self.faults.shuffled:
            self._random.shuffle(batch)
        body = self.envelope(batch)
        if self._random.random() < self.faults.forged:
            self.refused.append(await self._post(session, body, b"not the secret"))
        tries = 0
        while await self._counted(session, body) != 200:
            await self._clock.sleep(_RETRY[min(tries, len(_RETRY) - 1)])
            tries += 1
            if self.faults.stopped:
                return
        if self._random.random() < self.faults.duplicated:
            await self._counted(session, body)
        for _ in range(size):
            self._queue.popleft()

    def envelope(self, batch: list[dict[str, Any]]) -> bytes:
        """Write the body of one POST."""
        metadata = {"display_phone_number": "15550783881", "phone_number_id": self._number}
        changes = [
            {
                "field": one["field"],
                "value": {"messaging_product": "whatsapp", "metadata": metadata} | one["value"],
            }
            for one in batch
        ]
        body = {
            "object": "whatsapp_business_account",
            "entry": [{"id": "102290129340398", "changes": changes}],
        }
        return msgspec.json.encode(body)

    async def _counted(self, session: aiohttp.ClientSession, body: bytes) -> int:
        self.answers.append(await self._post(session, body, self._secret))
        return self.answers[-1]

    async def _post(self, session: aiohttp.ClientSession, body: bytes, secret: bytes) -> int:
        """Post once; 0 where nobody answers."""
        headers = {SIGNATURE: sign(body, secret), "Content-Type": "application/json"}
        try:
            async with session.post(self.url, data=io.BytesIO(body), headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0

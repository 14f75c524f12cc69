"""Meta on loopback: phones and groups in memory, the Graph API and the webhooks of one business number."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fallback.core.ports import Clock
from fallback.networks.loopback import LoopbackNetwork
from fallback.networks.whatsapp.cloud import Secrets
from fallback.simulator.graph import Graph
from fallback.simulator.webhooks import Webhooks

NUMBER = "106540352242922"
"""Phone number id of the simulated business."""


class Meta:
    """All of it.

    Args:
        network: what the phones see; its truth log is what a mirror is compared with.
        webhook: where the connector listens; can be set later.
    """

    def __init__(
        self,
        secrets: Secrets,
        clock: Clock,
        *,
        network: LoopbackNetwork | None = None,
        webhook: str = "",
        number: str = NUMBER,
        seed: int = 0,
    ) -> None:
        self.network = network or LoopbackNetwork()
        self.webhooks = Webhooks(webhook, secrets.app_secret, number, clock, seed=seed)
        self.graph = Graph(self.network, number, secrets.access_token, clock, self.webhooks)
        self.network.connectors.append(self.webhooks)

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> "AsyncIterator[Meta]":
        """Answer and deliver until the block is left."""
        await self.graph.start(port)
        try:
            async with asyncio.TaskGroup() as tasks:
                delivering = tasks.create_task(self.webhooks.run())
                try:
                    yield self
                finally:
                    delivering.cancel()
        finally:
            await self.graph.close()

"""A process that commits what the Cloud API brings: ``python -m tests.networks.whatsapp.cloud_child STORE GRAPH PORT``."""

import asyncio
import sys
from pathlib import Path

from fallback.clock import SystemClock
from fallback.core.ids import PortalId
from fallback.networks.whatsapp.cloud import CloudConnector
from fallback.simulator.meta import NUMBER
from fallback.store.sqlite import SqliteStore
from tests.networks.whatsapp.cloud_world import SECRETS

KEY = bytes(32)
PORTAL = PortalId("p")


async def commit(path, graph, port):
    store = await SqliteStore.open(Path(path), KEY)
    connector = CloudConnector(NUMBER, SECRETS, SystemClock(), store, graph=graph, port=int(port))
    await connector.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async for incoming in connector.events():
        await store.record(PORTAL, incoming.event)
        await incoming.ack()


if __name__ == "__main__":
    asyncio.run(commit(*sys.argv[1:]))

"""A group on a simulated Meta, and a connector to it."""

import contextlib

from fallback.clock import SystemClock
from fallback.core.events import Group, Identity, Message
from fallback.core.ids import ChatId, SourceId
from fallback.networks.whatsapp.cloud import CloudConnector, Secrets
from fallback.simulator.meta import NUMBER, Meta
from fallback.store.memory import MemoryStore

CHAT = ChatId("GROUP1")
SARA, OMAR = Identity(name="Sara", phone="+9647700000001"), Identity(name="Omar", phone="+9647700000002")
SECRETS = Secrets(app_secret="app secret", access_token="access token", verify_token="verify token")


class CloudWorld:
    def __init__(self, meta, connector, store):
        self.meta, self.connector, self.store = meta, connector, store
        self.network, self.webhooks, self.graph = meta.network, meta.webhooks, meta.graph

    @property
    def url(self):
        return self.webhooks.url

    def phone_says(self, number, text="", who=SARA, at=None):
        event = Message(
            id=SourceId(f"W{number}"),
            chat=CHAT,
            sender=who,
            at=self.now() if at is None else at,
            text=text or f"m{number}",
        )
        self.network.post(event)
        return event

    def again(self):
        """Give the connector of a relay that was started again, at the same address."""
        return CloudConnector(
            NUMBER, SECRETS, SystemClock(), self.store, graph=self.graph.base, port=self.connector.port
        )

    def now(self):
        return SystemClock().now() // 1000 * 1000


@contextlib.asynccontextmanager
async def cloud_world(*, store=None, clock=None):
    clock, store = clock or SystemClock(), store or MemoryStore()
    meta = Meta(SECRETS, clock)
    meta.network.found(Group(chat=CHAT, name="Newsroom", members=(SARA, OMAR)))
    async with meta.running():
        connector = CloudConnector(NUMBER, SECRETS, clock, store, graph=meta.graph.base)
        await connector.start()
        meta.webhooks.url = f"http://127.0.0.1:{connector.port}/webhook"
        try:
            yield CloudWorld(meta, connector, store)
        finally:
            await connector.close()

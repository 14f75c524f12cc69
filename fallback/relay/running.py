"""A relay with all that is around it: control socket, pages, alerts, probes, watchdog, reload."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fallback import compose
from fallback.clock import SystemClock
from fallback.compose import connectors
from fallback.config import Config, address, secret
from fallback.core.ports import Connector
from fallback.errors import ConfigError, FallbackError
from fallback.networks.loopback import NAME as IN_MEMORY
from fallback.paths import Profile
from fallback.probes.build import probes, settings_from
from fallback.probes.settings import Settings
from fallback.relay import control, service, web
from fallback.relay.daemon import Relay
from fallback.relay.telling import Telling

if TYPE_CHECKING:
    from fallback.store.vault import Vault

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def opened(profile: Profile, connector: Connector | None = None) -> "AsyncIterator[Running]":
    """Open a profile, its homeserver, its connector and its relay; nothing runs yet.

    Args:
        connector: instead of the one that is configured.

    Raises:
        ProfileBusyError: another process owns the profile.
        ConfigError, AuthError, HomeserverError: as ``compose`` raises them.
    """
    config, clock = compose.settings(profile), SystemClock()
    async with contextlib.AsyncExitStack() as around:
        store, vault = await around.enter_async_context(compose.open_profile(profile))
        connector = connector or connectors.connector(config, store, clock)
        around.push_async_callback(connector.close)
        server, side = await around.enter_async_context(compose.hosted(profile, store, vault))
        await connectors.adopt(connector, side, store, server_name=server.server_name)
        relay = Relay(
            connector,
            side,
            store,
            clock,
            server_name=server.server_name,
            drain=config.relay.drain,
            shared=bool(config.store.url),
        )
        yield Running(profile, relay, config, vault)


class Running:
    """What surrounds one relay in one process."""

    def __init__(self, profile: Profile, relay: Relay, config: Config, vault: "Vault") -> None:
        self.profile = profile
        self.relay = relay
        self.config = config
        self.telling = Telling(relay, config, key=vault.subkey("links"))
        self.pages = self._pages(config)
        self.url = ""
        self._looking = contextlib.AsyncExitStack()

    async def run(self) -> None:
        """Run until cancelled; then the relay delivers what is due, and all the rest is closed after it."""
        async with contextlib.AsyncExitStack() as around:
            await around.enter_async_context(
                control.listening(self.profile.data, control.commands(self.relay))
            )
            if self.config.relay.listen:
                where = address(self.config.relay.listen, "relay.listen")
                self.url = await around.enter_async_context(web.serving(self.pages, *where))
                log.info("pages and metrics at %s", self.url)
            around.push_async_callback(self._look_away)
            await self._look(settings_from(self.config))
            await self._loops()

    async def _loops(self) -> None:
        with service.on_signals((signal.SIGHUP,)) as hup:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self.relay.run())
                loops.create_task(self.telling.run())
                loops.create_task(self._reloads(hup))
                loops.create_task(service.watchdog(self._alive))
                service.notify("READY=1", f"STATUS=mirroring {len(await self.relay.store.portals())} groups")

    async def reload(self) -> None:
        """Read the configuration again: log level, alerts and probes; a wrong one changes nothing."""
        try:
            config = compose.settings(self.profile)
            hosts = settings_from(config)
            self.telling.reload(config)
        except ConfigError as error:
            log.warning("the configuration stays as it was: %s", error.message)
            return
        logging.getLogger().setLevel(config.logging.level)
        await self._look(hosts)
        self.config = config
        log.info("the configuration was read again")

    async def _reloads(self, hup: asyncio.Event) -> None:
        while True:
            await hup.wait()
            hup.clear()
            service.reloading()
            await self.reload()
            service.notify("READY=1")

    async def _look(self, hosts: Settings) -> None:
        """Look at the network's hosts; a network in memory has none."""
        async with contextlib.AsyncExitStack() as fresh:
            if self.relay.connector.name != IN_MEMORY:
                made = await fresh.enter_async_context(probes(hosts, self.relay.clock))
                await self.relay.look_with(made)
            await self._look_away()
            self._looking = fresh.pop_all()

    async def _look_away(self) -> None:
        """Close what the former probes look with."""
        await self._looking.aclose()

    def _pages(self, config: Config) -> web.Pages:
        token, hosts = secret(config.relay.token_file), frozenset(config.relay.hosts)
        if (
            config.relay.listen
            and not token
            and not web.is_loopback(address(config.relay.listen, "relay.listen")[0])
        ):
            raise ConfigError(
                f"relay.listen: {config.relay.listen} is open to others",
                "Name a file with a token: relay.token_file.",
            )
        known = hosts | frozenset(web.LOOPBACK) if not token else frozenset()
        return web.Pages(self.relay, self.telling.loop, token=token, hosts=known)

    async def _alive(self) -> None:
        """Come back only while the loop and the store's thread do; what the store refuses is no hang."""
        with contextlib.suppress(FallbackError):
            await self.relay.store.pending()

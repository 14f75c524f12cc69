"""Which connector a profile has, and the rooms of the groups that a connector brings with it."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from fallback.config import Config, address, secret
from fallback.core.ports import Clock, Connector, Store
from fallback.errors import ConfigError, FallbackError, PermanentError, TransientError

if TYPE_CHECKING:
    from fallback.core.ids import ChatId
    from fallback.core.importing import ImportingHomeserver
    from fallback.networks.whatsapp.cloud import CloudConnector, Secrets

log = logging.getLogger(__name__)


def connector(config: Config, store: Store, clock: Clock) -> Connector:
    """Give the connector that the configuration names; it is not started yet.

    Raises:
        ConfigError: what it needs is not configured.
    """
    match config.connector.kind:
        case "loopback":
            from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork

            return LoopbackConnector(LoopbackNetwork())
        case "cloud":
            return _cloud(config, store, clock)
        case "dropped":
            return _dropped(config, store, clock)
        case _:
            assert_never(config.connector.kind)


def secrets(config: Config) -> "Secrets":
    """Read the secrets of the Cloud API.

    Raises:
        ConfigError: one is missing, or others may read it.
    """
    from fallback.networks.whatsapp.cloud import Secrets

    files = {
        "app_secret": config.cloud.app_secret_file,
        "access_token": config.cloud.access_token_file,
        "verify_token": config.cloud.verify_token_file,
    }
    for name, file in files.items():
        if not file:
            raise ConfigError(
                f"cloud.{name}_file is not given",
                "Name a file that only you can read; see docs/connectors.md.",
            )
    return Secrets(**{name: secret(file) for name, file in files.items()})


async def adopt(connector: Connector, side: "ImportingHomeserver", store: Store, *, server_name: str) -> None:
    """Let the Cloud API send the rooms' files, and make rooms for its groups: for all now, for new ones when they speak."""
    from fallback.networks.whatsapp.cloud import CloudConnector

    if not isinstance(connector, CloudConnector):
        return

    async def welcome(chat: "ChatId") -> None:
        if chat not in {portal.chat for portal in await store.portals()}:
            await _adopt(connector, chat, side, store, server_name)

    connector.carry_files(side.download)
    connector.greet(welcome)
    try:
        for chat in await connector.groups():
            await welcome(chat)
    except (TransientError, PermanentError) as error:
        log.warning("the Cloud API's groups can't be listed now: %s", error.message)


async def _adopt(
    connector: "CloudConnector", chat: "ChatId", side: "ImportingHomeserver", store: Store, server_name: str
) -> None:
    """Make a group's room as a migration without history does, and invite those whose account is known."""
    import hashlib

    from msgspec.structs import replace

    from fallback.bridge.migrate import Migration
    from fallback.compose.plans import with_people
    from fallback.core.migration import plan

    group = await connector.group(chat)
    made, _ = with_people(plan(group, (), server_name=server_name), await store.contacts())
    alias = f"wa_cloud_{hashlib.sha256(chat.encode()).hexdigest()[:24]}"
    made = replace(made, room=replace(made.room, alias=alias))
    run = Migration(made, side, store, server_name=server_name)
    portal = await run.prepare()
    await run.gather(portal, ())
    for user in made.invited:
        try:
            await side.invite(portal.room, user)
        except FallbackError as error:
            log.warning("%s could not be invited: %s", user, error.message)
    log.info("a room for the group %s", portal.id)


def _cloud(config: Config, store: Store, clock: Clock) -> Connector:
    from fallback.networks.whatsapp.cloud import CloudConnector

    if not config.cloud.number:
        raise ConfigError("cloud.number is not given", "Copy the phone number id from Meta's app dashboard.")
    host, port = address(config.cloud.listen, "cloud.listen")
    if not config.cloud.path.startswith("/") or "{" in config.cloud.path:
        raise ConfigError(f"cloud.path: {config.cloud.path} is no path", "Begin it with /.")
    return CloudConnector(
        config.cloud.number,
        secrets(config),
        clock,
        store,
        graph=config.whatsapp.graph,
        host=host.strip("[]"),
        port=int(port),
        path=config.cloud.path,
    )


def _dropped(config: Config, store: Store, clock: Clock) -> Connector:
    from fallback.networks.whatsapp.dropped import DroppedExports

    if not config.dropped.folder:
        raise ConfigError("dropped.folder is not given", "Name the folder that exports are put into.")
    folder = Path(config.dropped.folder).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"dropped.folder: {folder} is no folder", "Make it, for yourself alone.")
    return DroppedExports(folder, store, clock, timezone=config.whatsapp.timezone, me=config.dropped.me)

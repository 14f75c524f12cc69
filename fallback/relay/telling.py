"""The alerts of a relay, from its configuration: channels, rules, words, and whom they are for."""

import re
from collections.abc import Mapping, Sequence

from fallback.bridge.alerting import Alerting
from fallback.config import Config, secret
from fallback.core.alerting import Member, Rules
from fallback.core.contact_book import Book
from fallback.core.ids import RoomId
from fallback.core.ports import Alert, Clock, RoomState
from fallback.core.roster import relay_of
from fallback.core.summons import summons
from fallback.core.unreached import unreached
from fallback.errors import AuthError, ConfigError, PermanentError, TransientError
from fallback.relay.daemon import Relay
from fallback.relay.web import ACKNOWLEDGE

_QUIET = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


class Telling:
    """Makes the alerting loop of a relay, and renews what the configuration says of it.

    Args:
        key: of the acknowledging links.
    """

    def __init__(self, relay: Relay, config: Config, *, key: bytes) -> None:
        self.relay = relay
        self.config = config
        self._key = key
        self._seen: dict[RoomId, RoomState] = {}
        self.loop = Alerting(
            relay.store,
            relay.clock,
            channels(config, relay.clock),
            self.missing,
            self.words,
            key=key,
            rules=rules(config),
        )

    async def run(self) -> None:
        """Tell until cancelled; a store that is full is waited for."""
        while True:
            await self.relay.patience.keep(self.loop.run)

    def reload(self, config: Config) -> None:
        """Use other channels and rules from now on.

        Raises:
            ConfigError: it is wrong; then nothing is changed.
        """
        made, wanted = channels(config, self.relay.clock), rules(config)
        self.loop.alerts, self.loop.rules, self.config = made, wanted, config

    async def missing(self, since: int) -> Sequence[Member]:
        """List those who were not seen in any room since a moment (ms)."""
        store, rooms = self.relay.store, []
        for portal in await store.portals():
            rows = await store.events_since(portal.id, at=since)
            rooms.append((await self._state(portal.room), [row.event for row in rows]))
        user = self.relay.homeserver.user
        book, machines = Book(await store.contacts()), (user, relay_of(user))
        return unreached(rooms, book, since=since, now=self.relay.clock.now(), machines=machines)

    def words(self, member: Member, outage: int) -> tuple[str, str]:
        """Give an alert's title and text."""
        base = self.config.alerts.link.rstrip("/")
        return summons(member, outage, key=self._key, page=base and base + ACKNOWLEDGE)

    async def _state(self, room: RoomId) -> RoomState:
        """Describe a room, as it was last seen where the homeserver does not answer."""
        try:
            self._seen[room] = await self.relay.homeserver.room_state(room)
        except (TransientError, PermanentError, AuthError):
            return self._seen.get(room, RoomState(room))
        return self._seen[room]


def channels(config: Config, clock: Clock) -> Mapping[str, Alert]:
    """Make the alerts that are configured, by the kind of channel that they serve.

    Raises:
        ConfigError: a secret can't be read, or a channel is not possible.
    """
    found: list[Alert] = []
    if config.smtp.host:
        found.append(_mail(config))
    if config.ntfy.url:
        from fallback.alerts.ntfy import NtfyAlert  # noqa: PLC0415 - only where it is used, as all of them

        found.append(NtfyAlert(config.ntfy.url, secret(config.ntfy.token_file)))
    if config.webhook.secret_file:
        from fallback.alerts.webhook import WebhookAlert  # noqa: PLC0415

        found.append(WebhookAlert(secret(config.webhook.secret_file).encode(), clock))
    if config.alerts.desktop:
        from fallback.alerts.desktop import DesktopAlert  # noqa: PLC0415

        found.append(DesktopAlert())
    if config.alerts.apprise:
        from fallback.alerts.apprise import AppriseAlert  # noqa: PLC0415

        found.append(AppriseAlert())
    return {one.name: one for one in found}


def rules(config: Config) -> Rules:
    """Read how people may be disturbed.

    Raises:
        ConfigError: the quiet hours can't be read.
    """
    wanted, quiet = config.alerts, None
    if wanted.quiet:
        found = _QUIET.fullmatch(wanted.quiet)
        if found is None:
            raise ConfigError(
                f"alerts.quiet: {wanted.quiet!r} are no hours", 'Write them as "22:00-06:30", in UTC.'
            )
        begin, begin_minute, end, end_minute = map(int, found.groups())
        quiet = (60 * begin + begin_minute, 60 * end + end_minute)
    return Rules(
        step=wanted.step, per_hour=wanted.per_hour, quiet=quiet, costs=wanted.costs, budget=wanted.budget
    )


def _mail(config: Config) -> Alert:
    from fallback.alerts.smtp import SmtpAlert, SmtpServer  # noqa: PLC0415

    there = config.smtp
    server = SmtpServer(
        there.host, there.port, there.sender, there.security, there.user, secret(there.password_file)
    )
    try:
        return SmtpAlert(server)
    except PermanentError as error:
        raise ConfigError(f"smtp: {error.message}", error.hint) from error

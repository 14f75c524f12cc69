"""The configuration: ``fallback.toml`` and a short list of FALLBACK_* variables, as frozen structs.

Every value knows where it came from (``fallback config show``).  Secrets are no configuration: they live in
the profile's store and 0600 files.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from fallback.errors import ConfigError

QUIET_HOURS = r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every table of ``fallback.toml``."""


class Account(Section, frozen=True):
    """The Matrix account.

    Args:
        homeserver: base URL; empty for the managed homeserver of this profile.
        user: full Matrix id.
    """

    homeserver: str = ""
    user: str = ""


class Interface(Section, frozen=True):
    """The terminal client.

    Args:
        language: ``auto`` takes it from LANG.
        rtl: how the terminal treats Arabic; ``auto`` finds out.
        theme: a Textual theme's name.
        digits: ``arabic`` writes times, dates and counts in Arabic-Indic digits while the interface is Arabic.
        read_receipts: others are told how far one has read.
        typing: others are told when one is writing.
        notify: the terminal is asked to notify and to ring while it has not the focus.
        private: a notification says neither who nor what.
        quiet_hours: no notifications from then to then, ``22:00-07:00``; empty for never.
        keys: other keys for commands, by the command's name: ``search = "ctrl+s"``.
    """

    language: Literal["auto", "ar", "en"] = "auto"
    rtl: Literal["auto", "terminal", "app", "words", "off"] = "auto"
    theme: str = "textual-dark"
    digits: Literal["latin", "arabic"] = "latin"
    read_receipts: bool = True
    typing: bool = True
    notify: bool = True
    private: bool = False
    quiet_hours: Annotated[str, msgspec.Meta(pattern=QUIET_HOURS)] = ""
    keys: dict[str, str] = {}


class Whatsapp(Section, frozen=True):
    """Endpoints of Meta; changed only to test against the simulator.

    Args:
        graph: base of the Graph API.
        web, chat: hosts of WhatsApp Web and of the phones' chat edge.
        region: where a phone number without a country code is from (ISO 3166).
        timezone: of exports; empty for the machine's own.
    """

    graph: str = "https://graph.facebook.com/v25.0"
    web: str = "web.whatsapp.com"
    chat: str = "g.whatsapp.net"
    status: str = "https://metastatus.com/data"
    region: str = ""
    timezone: str = ""


class Connector(Section, frozen=True):
    """What speaks with WhatsApp: the network in memory, the Cloud API, or a folder of exports."""

    kind: Literal["loopback", "cloud", "dropped"] = "loopback"


class Cloud(Section, frozen=True):
    """The Cloud API with groups.

    Args:
        number: the business number's phone number id.
        listen: where Meta's webhooks arrive, behind a proxy that speaks TLS.
        path: of the webhook.
        app_secret_file, access_token_file, verify_token_file: for their owner alone.
    """

    number: str = ""
    listen: str = "127.0.0.1:8419"
    path: str = "/webhook"
    app_secret_file: str = ""
    access_token_file: str = ""
    verify_token_file: str = ""


class Dropped(Section, frozen=True):
    """A folder of exports.

    Args:
        folder: it is watched; nothing in it is moved or deleted.
        me: the exporter's own name in the chats, where an export does not tell.
    """

    folder: str = ""
    me: str = ""


class Probing(Section, frozen=True):
    """What the outage detector looks at.

    Args:
        resolvers: besides the system's own, ``address`` or ``address:port``.
        controls: URLs of unrelated hosts that answer with any status.
        control_name: a name every resolver knows.
        interval: seconds between two looks of a probe; 30 at least against the real hosts.
        peers: base URLs of other relays' pages, elsewhere: their verdicts count as somebody else's view.
        peers_token_file: holds what they want to be shown.
    """

    resolvers: tuple[str, ...] = ("1.1.1.1", "8.8.8.8")
    controls: tuple[str, ...] = ("https://www.gstatic.com/generate_204", "https://www.wikipedia.org/")
    control_name: str = "example.com"
    interval: float = 30.0
    peers: tuple[str, ...] = ()
    peers_token_file: str = ""


class Homeserver(Section, frozen=True):
    """The managed homeserver.

    Args:
        port: on loopback; 0 for any free one.
        server_name: part of every user id; can't change once there are accounts.
    """

    port: int = 0
    server_name: str = "fallback.local"


class Relay(Section, frozen=True):
    """The daemon.

    Args:
        listen: address of its pages and metrics; empty for none, port 0 for any free one.
        token_file: holds what a caller must show; needed on another address than loopback.
        hosts: names of a proxy before it, beside those of loopback.
        drain: seconds that it still delivers what is due when it stops.
    """

    listen: str = "127.0.0.1:8418"
    token_file: str = ""
    hosts: tuple[str, ...] = ()
    drain: float = 10.0


class Alerts(Section, frozen=True):
    """Who is told outside Matrix that the team has moved, and how often.

    Args:
        link: public base URL of the relay's pages, for acknowledging links; empty for none.
        quiet: hours without alerts, UTC, as ``22:00-06:30``.
        step: seconds between two channels of one person.
        per_hour: alerts that one person gets in an hour at most.
        costs, budget: of one alert by its channel's kind, and what one outage may cost.
        desktop, apprise: use the machine's own notifications, and all services that apprise knows.
    """

    link: str = ""
    quiet: str = ""
    step: float = 300.0
    per_hour: int = 4
    costs: dict[str, int] = msgspec.field(default_factory=dict)
    budget: int = 0
    desktop: bool = False
    apprise: bool = False


class Smtp(Section, frozen=True):
    """Where alerts by e-mail are handed over; used where there is a host.

    Args:
        password_file: for its owner alone.
    """

    host: str = ""
    port: int = 587
    sender: str = ""
    security: Literal["starttls", "tls", "plain"] = "starttls"
    user: str = ""
    password_file: str = ""


class Ntfy(Section, frozen=True):
    """The ntfy server of alerts; used where there is a URL."""

    url: str = ""
    token_file: str = ""


class Webhook(Section, frozen=True):
    """Alerts by signed webhooks; used where there is a file with the secret."""

    secret_file: str = ""


class Store(Section, frozen=True):
    """Where groups, messages and deliveries are kept.

    Args:
        url: ``postgresql://…`` for several relays on one database; empty for the profile's own encrypted file.
    """

    url: str = ""

    def __post_init__(self) -> None:
        """Refuse an address that is another database's or tells a secret."""
        address = urlsplit(self.url)
        if self.url and address.scheme not in ("postgresql", "postgres"):
            raise ValueError("store.url must begin with postgresql://")
        if address.password or "password" in parse_qs(address.query):
            raise ValueError("store.url holds a password: put it into ~/.pgpass, readable by you alone")


class Logging(Section, frozen=True):
    """What is logged; never message text, tokens, keys or phone numbers.

    Args:
        to: the profile's file, or standard error, where a daemon's supervisor reads it.
    """

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    json: bool = False
    to: Literal["file", "stderr"] = "file"


class Config(Section, frozen=True):
    """All of ``fallback.toml``."""

    account: Account = Account()
    interface: Interface = Interface()
    whatsapp: Whatsapp = Whatsapp()
    connector: Connector = Connector()
    cloud: Cloud = Cloud()
    dropped: Dropped = Dropped()
    probing: Probing = Probing()
    homeserver: Homeserver = Homeserver()
    relay: Relay = Relay()
    alerts: Alerts = Alerts()
    smtp: Smtp = Smtp()
    ntfy: Ntfy = Ntfy()
    webhook: Webhook = Webhook()
    store: Store = Store()
    logging: Logging = Logging()


VARIABLES = {
    "FALLBACK_HOMESERVER": "account.homeserver",
    "FALLBACK_USER": "account.user",
    "FALLBACK_LANGUAGE": "interface.language",
    "FALLBACK_RTL": "interface.rtl",
    "FALLBACK_LOG_LEVEL": "logging.level",
}
"""Environment variables that override a key."""


class Loaded(msgspec.Struct, frozen=True):
    """A configuration and, for each key that is not a default, the place that set it."""

    config: Config
    origins: Mapping[str, str]


def load(path: Path, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the configuration file, if there is one, and the variables over it.

    Raises:
        ConfigError: the file or a variable is wrong; the message names it.
    """
    environment = os.environ if environment is None else environment
    tables = _read(path)
    origins = {
        f"{table}.{key}": str(path)
        for table, keys in tables.items()
        if isinstance(keys, dict)
        for key in keys
    }
    for variable, dotted in VARIABLES.items():
        if environment.get(variable):
            table, key = dotted.split(".")
            tables.setdefault(table, {})[key] = environment[variable]
            origins[dotted] = variable
    try:
        return Loaded(msgspec.convert(tables, Config), origins)
    except msgspec.ValidationError as error:
        place = next((origins[name] for name in origins if name in str(error).replace("$.", "")), str(path))
        raise ConfigError(
            f"{place}: {error}", "Correct it, or see every key with `fallback config show`."
        ) from error


def values(loaded: Loaded) -> list[tuple[str, Any, str]]:
    """List every key with its value and where it came from, in the file's order."""
    return [
        (f"{table}.{key}", value, loaded.origins.get(f"{table}.{key}", "default"))
        for table, keys in msgspec.to_builtins(loaded.config).items()
        for key, value in keys.items()
    ]


def secret(path: str) -> str:
    """Read a secret from the file that a key names; empty for no file.

    Raises:
        ConfigError: it can't be read, is empty, or others may read it.
    """
    if not path:
        return ""
    file = Path(path).expanduser()
    try:
        text, mode = file.read_text("utf-8").strip(), file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret {file} can't be read", "Correct the path in fallback.toml.") from error
    if mode & 0o077:
        raise ConfigError(f"others may read the secret {file}", f"chmod 600 {file}")
    if not text:
        raise ConfigError(f"the secret {file} is empty", "Write it into the file.")
    return text


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    import tomllib  # noqa: PLC0415 - most profiles have no file

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}", "Correct the file or move it away.") from error


def address(text: str, setting: str) -> tuple[str, int]:
    """Read where to listen, ``HOST:PORT``.

    Args:
        setting: its name, for the message.

    Raises:
        ConfigError: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) < 65_536):
        raise ConfigError(f"{setting}: {text!r} is no address", 'Write it as "127.0.0.1:8418".')
    return host, int(port)

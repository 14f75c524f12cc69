"""Where the managed homeserver keeps its things, and what it remembers between two starts."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from fallback.errors import HomeserverError
from fallback.paths import private_file

SENDER = "fallback_bridge"
"""Localpart of the appservice's own user."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files in a managed homeserver's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        """``homeserver.yaml``, written anew at each start."""
        return self.folder / "homeserver.yaml"

    @property
    def log_config(self) -> Path:
        """Python logging's own settings for Synapse."""
        return self.folder / "log.yaml"

    @property
    def log(self) -> Path:
        """What Synapse says."""
        return self.folder / "homeserver.log"

    @property
    def registration(self) -> Path:
        """The appservice's registration file."""
        return self.folder / "appservice.yaml"

    @property
    def database(self) -> Path:
        """Synapse's SQLite database."""
        return self.folder / "homeserver.db"

    @property
    def media(self) -> Path:
        """Uploaded files."""
        return self.folder / "media"

    @property
    def keys(self) -> Path:
        """The secrets, a file each."""
        return self.folder / "keys"

    @property
    def pid(self) -> Path:
        """The child's pid; the child holds a lock on it as long as it lives."""
        return self.folder / "homeserver.pid"

    @property
    def manager(self) -> Path:
        """The manager's pid; the manager holds a lock on it as long as it lives."""
        return self.folder / "manager.pid"

    @property
    def state(self) -> Path:
        """What is kept between two starts."""
        return self.folder / "state.json"


class State(msgspec.Struct, frozen=True):
    """What is kept between two starts.

    Args:
        port: the last one; taken again where it is free, so that clients find the server.
        detached: the running child was left to itself on purpose.
    """

    server_name: str
    port: int = 0
    detached: bool = False

    def save(self, layout: Layout) -> None:
        """Write it, whole or not at all."""
        private_file(layout.state, msgspec.json.encode(self))


def load_state(layout: Layout) -> State | None:
    """Read the state of an earlier start; ``None`` before the first.

    Raises:
        HomeserverError: the file is damaged.
    """
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise HomeserverError(
            f"{layout.state} is damaged", "Restore it from a backup, or move it away."
        ) from error

"""Where a profile keeps its things: one profile is one account and one data folder."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from fallback.errors import UsageError

DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Profile:
    """The folders of one profile; made on first use, for their owner alone.

    Raises:
        UsageError: the name could climb out of its folder.
    """

    name: str = DEFAULT_PROFILE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} can't be a profile's name", "Use small letters, digits, - and _, 32 at most."
            )

    @property
    def config_file(self) -> Path:
        """The profile's ``fallback.toml``; it need not exist."""
        return (
            _base("FALLBACK_CONFIG_HOME", platformdirs.user_config_path("fallback"))
            / self.name
            / "fallback.toml"
        )

    @property
    def data(self) -> Path:
        """The data folder: store, keys, media, the managed homeserver."""
        return private_folder(
            _base("FALLBACK_DATA_HOME", platformdirs.user_data_path("fallback")) / self.name
        )

    @property
    def log_file(self) -> Path:
        """The profile's log."""
        return self.data / "fallback.log"

    @property
    def store_file(self) -> Path:
        """The SQLCipher database."""
        return self.data / "store.db"

    @property
    def lock_file(self) -> Path:
        """What the process that owns the profile holds."""
        return self.data / "store.lock"

    @property
    def control_socket(self) -> Path:
        """Where a running relay is asked."""
        return self.data / "relay.sock"

    @property
    def homeserver(self) -> Path:
        """The folder of the managed homeserver."""
        return private_folder(self.data / "homeserver")


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can read, and give it back."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def private_file(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all."""
    private_folder(path.parent)
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _base(variable: str, default: Path) -> Path:
    return Path(os.environ[variable]).expanduser() if os.environ.get(variable) else default

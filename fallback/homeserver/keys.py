"""The secrets of the managed homeserver: made once at random, kept in 0600 files."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fallback.homeserver.layout import Layout
from fallback.paths import private_file, private_folder

_TOKENS = ("macaroon", "registration", "form", "as_token", "hs_token", "admin_password")


@dataclass(frozen=True, slots=True)
class Keys:
    """Where each secret is, and those that we use ourselves (which no ``repr`` shows).

    Args:
        registration: the shared secret that makes accounts.
        as_token, hs_token: of the appservice.
        admin_password: of the internal admin account.
    """

    folder: Path
    registration: str = field(repr=False)
    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)
    admin_password: str = field(repr=False)

    def path(self, name: str) -> Path:
        """Give a secret's file."""
        return self.folder / name


def load_keys(layout: Layout) -> Keys:
    """Read the secrets; those that are not there yet are made."""
    folder = private_folder(layout.keys)
    values = {name: _kept(folder / name, lambda: secrets.token_urlsafe(32)) for name in _TOKENS}
    _kept(folder / "signing", _signing_key)
    return Keys(
        folder=folder,
        registration=values["registration"],
        as_token=values["as_token"],
        hs_token=values["hs_token"],
        admin_password=values["admin_password"],
    )


def tighten(folder: Path) -> None:
    """Take away what others may do with the folder and the files directly in it."""
    folder.chmod(0o700)
    for path in folder.iterdir():
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Give the file's text; an absent or empty one (a crash while it was made) is filled first."""
    text = path.read_text("ascii").strip() if path.exists() else ""
    if not text:
        text = make()
        private_file(path, text.encode())
    return text


def _signing_key() -> str:
    """Make an Ed25519 key as Synapse reads it: algorithm, version, unpadded base64 of the seed."""
    seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return f"ed25519 a_{secrets.token_hex(2)} {seed}\n"

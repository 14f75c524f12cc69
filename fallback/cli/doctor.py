"""``fallback doctor``: what is missing on this machine, and what to do about it."""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json

if TYPE_CHECKING:
    from fallback.config import Config

_ENOUGH = 500_000_000
"""Bytes that a homeserver of a work group should have free."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, *, as_json: bool) -> None:
    """Check this machine and profile, and say what to mend.

    Ends with 1 if something that is needed is missing.

    \b
    Examples:
      fallback doctor
      fallback doctor --json | jq '.[] | select(.fine | not)'
    """
    checks = [*_machine(), *_profile(profile)]
    if as_json:
        emit_json(
            [
                {"check": name, "fine": fine, "needed": needed, "says": says}
                for name, fine, needed, says in checks
            ]
        )
    else:
        for name, fine, needed, says in checks:
            data(f"{'ok  ' if fine else 'MEND' if needed else 'note'} {name:<14} {says}")
    if any(needed and not fine for _, fine, needed, _ in checks):
        sys.exit(1)


def _machine() -> list[tuple[str, bool, bool, str]]:
    python = ".".join(map(str, sys.version_info[:3]))
    rows = [("python", sys.version_info >= (3, 11), True, f"{python} (3.11 or newer is needed)")]
    for package, needed, use in (
        ("matrix-nio", True, "the Matrix side"),
        ("sqlcipher3", True, "the encrypted store"),
        ("matrix-synapse", False, "the managed homeserver; pip install 'fallback[server]'"),
    ):
        try:
            rows.append((package, True, needed, f"{importlib.metadata.version(package)} ({use})"))
        except importlib.metadata.PackageNotFoundError:
            rows.append((package, False, needed, f"not installed ({use})"))
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    rows.append(
        ("locale", "utf" in locale.lower(), False, f"{locale or 'unset'} (Arabic and emoji need UTF-8)")
    )
    return rows


def _profile(name: str) -> list[tuple[str, bool, bool, str]]:
    from fallback.config import load
    from fallback.errors import ConfigError
    from fallback.paths import Profile

    where = Profile(name)
    free = shutil.disk_usage(where.data).free
    mode = where.data.stat().st_mode & 0o077
    rows = [
        ("disk", free > _ENOUGH, True, f"{free / 1e9:.1f} GB free in {where.data}"),
        (
            "permissions",
            not mode,
            True,
            "only you can read the data folder" if not mode else f"chmod 700 {where.data}",
        ),
    ]
    try:
        config = load(where.config_file).config
        rows.append(("configuration", True, True, str(where.config_file)))
        rows += _connector(config)
    except ConfigError as error:
        rows.append(("configuration", False, True, error.message))
    return rows


def _connector(config: "Config") -> list[tuple[str, bool, bool, str]]:
    """Say what speaks with WhatsApp, what it lacks and what it can't do."""
    from fallback.clock import SystemClock
    from fallback.compose.connectors import connector
    from fallback.errors import ConfigError
    from fallback.networks.whatsapp.cloud_rules import LIMITS
    from fallback.store.memory import MemoryStore

    kind = config.connector.kind
    if kind == "loopback":
        return [("whatsapp", False, False, "no connector is chosen (connector.kind): exports alone are read")]
    try:
        connector(config, MemoryStore(), SystemClock())
        rows = [("whatsapp", True, True, f"the {kind} connector is configured")]
    except ConfigError as error:
        rows = [("whatsapp", False, True, " ".join(filter(None, (f"{error.message};", error.hint))))]
    if kind == "cloud":
        rows += [("cloud api", True, False, limit) for limit in LIMITS]
    return rows

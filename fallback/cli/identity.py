"""After a sign-in: the account's identity is made or opened, so that others can read what this device sends."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import say
from fallback.core.trust import IdentityState
from fallback.errors import AuthError, FallbackError

if TYPE_CHECKING:
    from fallback.core.trust import Keys


async def introduce(keys: "Keys") -> dict[str, str]:
    """Make the account's identity where it has none, or open it with the recovery key.

    Returns:
        ``identity``, and the ``recovery_key`` where one was made: it is shown once and kept nowhere.
    """
    try:
        match (await keys.state()).identity:
            case IdentityState.NONE:
                made = await keys.begin()
                say(
                    "this account has its keys now; without this recovery key nobody can restore its messages:"
                )
                return {"identity": IdentityState.READY, "recovery_key": made}
            case IdentityState.LOCKED:
                return {"identity": await _open(keys)}
            case IdentityState.READY:
                return {"identity": IdentityState.READY}
    except FallbackError as error:
        say(f"the sign-in stands, its keys don't yet: {error.message}; see: fallback keys status")
        return {"identity": IdentityState.LOCKED}


async def _open(keys: "Keys") -> IdentityState:
    """Open an identity that another device made; nobody is forced to have the recovery key at hand."""
    while recovery := recovery_key():
        try:
            found = await keys.recover(recovery)
        except AuthError as error:
            say(error.message)
            if not sys.stdin.isatty() or os.environ.get("FALLBACK_RECOVERY_KEY_FILE"):
                break
        else:
            say(f"this device is signed, and {found} room keys are restored")
            return IdentityState.READY
    say("others can't read what this device sends until it is signed: fallback keys recover, or keys verify")
    return IdentityState.LOCKED


def recovery_key() -> str:
    """Take the recovery key or passphrase from a file or the person; empty for none."""
    if named := os.environ.get("FALLBACK_RECOVERY_KEY_FILE"):
        return Path(named).read_text("utf-8").strip()
    if not sys.stdin.isatty():
        return ""
    return str(
        click.prompt(
            "Recovery key or passphrase (Enter for later)",
            hide_input=True,
            err=True,
            default="",
            show_default=False,
        )
    )

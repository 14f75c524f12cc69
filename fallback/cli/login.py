"""``fallback login``: sign this profile in."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import emit_json, say

if TYPE_CHECKING:
    from fallback.paths import Profile


@click.command("login")
@click.argument("user")
@click.option("--homeserver", help="Its address.  [default: as configured]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, /, user: str, homeserver: str | None, *, as_json: bool) -> None:
    """Sign this profile in to a Matrix account with its password.

    The password is asked for, or read from the first line of standard input, or of the file that
    FALLBACK_PASSWORD_FILE names; it is not kept.  One profile is one account: give each its own with --profile.

    \b
    Examples:
      fallback --profile sara login @sara:fallback.local --homeserver http://127.0.0.1:8008
      pass show matrix | fallback --profile sara login @sara:example.org --homeserver https://example.org
    """
    from fallback import compose
    from fallback.errors import UsageError
    from fallback.paths import Profile

    where = Profile(profile)
    url = homeserver or compose.settings(where).account.homeserver
    if not user.startswith("@") or ":" not in user:
        raise UsageError(f"{user!r} is no Matrix id", "Write it whole: @name:server")
    if not url:
        raise UsageError("the homeserver's address is missing", "Add --homeserver, e.g. https://example.org")
    known = asyncio.run(_login(where, url, user, _password()))
    emit_json({"user": known, "profile": profile}) if as_json else say(
        f"signed in as {known}; open the client: fallback --profile {profile}"
    )


def _password() -> str:
    """Take the password from a file, a pipe or the person; never from the command line."""
    if named := os.environ.get("FALLBACK_PASSWORD_FILE"):
        return Path(named).read_text("utf-8").splitlines()[0]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, err=True))


async def _login(where: "Profile", url: str, user: str, password: str) -> str:
    from fallback import compose
    from fallback.core.ids import UserId

    async with compose.open_store(where) as store:
        return (await compose.sign_in(store, url, UserId(user), password)).user

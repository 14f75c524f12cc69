"""``fallback logout``: sign this profile out."""

import asyncio
from typing import TYPE_CHECKING

import click

from fallback.cli.output import emit_json, say

if TYPE_CHECKING:
    from fallback.paths import Profile


@click.command("logout")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, /, *, yes: bool, as_json: bool) -> None:
    """Sign this profile out: delete its device on the homeserver and forget the account here.

    The timeline, contacts and settings of the profile stay, and the same person may sign in again.

    \b
    Examples:
      fallback logout
      fallback --profile sara logout --yes
    """
    from fallback.paths import Profile

    deleted = asyncio.run(_logout(Profile(profile), yes=yes))
    if as_json:
        emit_json({"profile": profile, "device_deleted": deleted})
    elif deleted:
        say("signed out; the device is deleted and the timeline is kept")
    else:
        say(
            "signed out here, the timeline is kept; the homeserver deleted nothing, it had ended this sign-in"
        )
        say("       If the device still stands in the account's list, delete it from another one.")


async def _logout(where: "Profile", *, yes: bool) -> bool:
    from fallback import compose
    from fallback.compose.accounts import sign_out

    async with compose.open_store(where) as store:
        known = await compose.account(store)
        say(f"Account     {known.user} at {known.url}: forgotten here, with its token")
        say(
            f"Device      {known.device}: deleted on the homeserver; it can no longer read encrypted messages"
        )
        say("Kept        the timeline, contacts and settings of this profile")
        if not yes:
            click.confirm("Sign out?", abort=True, err=True)
        deleted = await sign_out(store)
        await compose.forget_keys(where, store)
        return deleted

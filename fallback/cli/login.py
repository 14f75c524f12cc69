"""``fallback login``: sign this profile in."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say
from fallback.errors import PermanentError, UsageError

if TYPE_CHECKING:
    from fallback.compose import Account
    from fallback.matrix.signin import SignInOptions, Visit, Way
    from fallback.paths import Profile


@click.command("login")
@click.argument("user", default="")
@click.option(
    "--homeserver", help="Its address.  [default: as configured, or as the server of USER names it]"
)
@click.option("--sso", "way", flag_value="sso", help="Sign in with this machine's browser.")
@click.option("--device-code", "way", flag_value="device-code", help="Sign in with a browser anywhere.")
@click.option("--token", "way", flag_value="token", help="Use an access token, read like a password.")
@click.option("--register", "way", flag_value="register", help="Make a new account.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, /, user: str, homeserver: str | None, way: str | None, *, as_json: bool) -> None:
    """Sign this profile in to a Matrix account.

    USER is a Matrix id; with a browser or a token the server's name is enough.  Without an option the best way
    that the homeserver offers is taken.

    A password or token is asked for, or read from standard input line by line (--register: the registration
    token, then the password), or in the same way from the file that FALLBACK_PASSWORD_FILE names; neither is
    ever part of the command.  One profile is one account: give each its own with --profile.

    \b
    Examples:
      fallback login @sara:example.org
      fallback login example.org --device-code
      pass show matrix | fallback --profile sara login @sara:fallback.local --homeserver http://127.0.0.1:8008
    """
    from fallback import compose
    from fallback.paths import Profile

    where = Profile(profile)
    known = compose.settings(where).account
    configured = known.homeserver if known.user in ("", user) or not user else ""
    user, address = user or known.user, homeserver or configured
    if not user and not address:
        raise UsageError("whose account?", "Write the Matrix id: @name:server")
    if user.startswith("@") and not user.partition(":")[2]:
        raise UsageError(f"{user!r} is no Matrix id", "Write it whole: @name:server")
    signed_in, told = asyncio.run(_login(where, user, address, way))
    if as_json:
        emit_json({"user": signed_in.user, "device": signed_in.device, "profile": profile} | told)
        return
    if "recovery_key" in told:
        data(told["recovery_key"])
    say(f"signed in as {signed_in.user}; open the client: fallback --profile {profile}")


async def _login(
    where: "Profile", user: str, address: str, way: str | None
) -> "tuple[Account, dict[str, str]]":
    from fallback import compose
    from fallback.cli.identity import introduce
    from fallback.compose.accounts import enter
    from fallback.core.ids import UserId
    from fallback.matrix.signin import discover

    async with compose.open_profile(where) as (store, vault):
        offered = await discover(user, address)
        chosen = way or best(offered)
        say(f"{offered.url}: {_SAID[chosen]}")
        mine = UserId(user) if user.startswith("@") else None
        known = await enter(store, offered.url, _way(offered, chosen, mine), user=mine)
        side = compose.matrix(where, known, store, vault)
        try:
            return known, await introduce(side.keys)
        finally:
            await side.close()


_SAID = {
    "password": "signing in with a password",
    "sso": "signing in with the browser",
    "device-code": "signing in with a code for a browser",
    "token": "using an access token",
    "register": "making an account",
}


def best(offered: "SignInOptions") -> str:
    """Choose how to sign in: a secret that was piped in first, then OAuth 2.0, a password, the browser."""
    piped = bool(os.environ.get("FALLBACK_PASSWORD_FILE")) or not sys.stdin.isatty()
    if offered.password and (piped or offered.oauth is None):
        return "password"
    if offered.oauth is not None:
        return "device-code" if offered.oauth.device_authorization_endpoint else "sso"
    if offered.sso:
        return "sso"
    raise PermanentError("the homeserver offers no way to sign in that is known here")


def _way(offered: "SignInOptions", chosen: str, user: "str | None") -> "Way":
    from fallback.clock import SystemClock
    from fallback.core.ids import UserId
    from fallback.matrix import signin

    if chosen in ("password", "register") and not user:
        raise UsageError("whose account?", "Write the Matrix id: @name:server")
    match chosen:
        case "token":
            return signin.token(_secret("Access token"))
        case "register":
            registration = _secret("Registration token (empty for none)", default="")
            return signin.register(
                UserId(user or ""), _secret("New password", line=1, twice=True), registration
            )
        case "device-code" if offered.oauth and offered.oauth.device_authorization_endpoint:
            return signin.device_code(offered.oauth, _show, SystemClock())
        case "sso" if offered.oauth:
            return signin.browser(offered.oauth, _show)
        case "sso" if offered.sso:
            return signin.single_sign_on(_show)
        case "password" if offered.password:
            return signin.password(UserId(user or ""), _secret("Password"))
    raise UsageError(f"the homeserver does not offer this: {chosen}", "Leave the option out.")


def _secret(label: str, *, line: int = 0, default: str | None = None, twice: bool = False) -> str:
    """Take a secret from a file, a pipe or the person; never from the command line."""
    if named := os.environ.get("FALLBACK_PASSWORD_FILE"):
        lines = Path(named).read_text("utf-8").splitlines()
        return lines[line] if line < len(lines) else ""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(
        click.prompt(
            label,
            hide_input=True,
            err=True,
            default=default,
            show_default=False,
            confirmation_prompt=twice,
        )
    )


def _show(visit: "Visit") -> None:
    """Print the page to visit, and open it where this machine has a screen."""
    import webbrowser

    say(f"open in {'the browser of this machine' if visit.here else 'any browser'}: {visit.address}")
    if visit.code:
        say(f"and give or compare this code: {visit.code}")
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(visit.address)

"""``fallback keys``: the account's identity, its devices, verification by emoji, room keys."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.core.trust import Keys, Verification

T = TypeVar("T")
_NEXT = {
    "none": "none yet; make one: fallback keys begin",
    "locked": "this device is not signed: fallback keys recover, or fallback keys verify YOURSELF",
    "ready": "ready; this device is signed",
}
LOOK = 0.3
"""Seconds between two looks at a verification; what moves it is the sync beside it."""
PATIENCE = 600
"""Seconds after which a verification is given up, as the specification has it."""
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("keys")
def command() -> None:
    """Prove who you are, and read what is encrypted.

    \b
    Examples:
      fallback keys status
      fallback keys begin
      fallback keys verify @sara:example.org
    """


@contextlib.asynccontextmanager
async def _keys(profile: str, *, follow: bool = False) -> "AsyncIterator[Keys]":
    """Give the keys of a profile's account; with ``follow`` it syncs for as long as they are used."""
    from fallback import compose
    from fallback.paths import Profile

    async with compose.signed_in(Profile(profile)) as (_, side):
        if not follow:
            yield side.keys
            return
        try:
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(side.follow())
                try:
                    yield side.keys
                finally:
                    syncing.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None


def _run(profile: str, act: "Callable[[Keys], Awaitable[T]]", *, follow: bool = False) -> T:
    async def within() -> T:
        async with _keys(profile, follow=follow) as keys:
            return await act(keys)

    return asyncio.run(within())


def _secret(question: str, variable: str, *, twice: bool = False) -> str:
    """Take a secret from a file, a pipe or the person; never from the command line."""
    if named := os.environ.get(variable):
        return Path(named).read_text("utf-8").splitlines()[0]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))


@command.command()
@_JSON
@click.pass_obj
def status(profile: str, *, as_json: bool) -> None:
    """Show how this device stands.

    \b
    Examples:
      fallback keys status
      fallback keys status --json | jq .identity
    """
    state = _run(profile, lambda keys: keys.state())
    if as_json:
        emit_json({"identity": state.identity, "device": state.device, "fingerprint": state.fingerprint,
                   "backup": state.backup, "waiting": state.waiting})  # fmt: skip
        return
    data(f"identity     {_NEXT[state.identity]}")
    data(f"device       {state.device}")
    data(f"fingerprint  {state.fingerprint}")
    data(f"backup       {state.backup or 'none'}")
    data(f"waiting      {state.waiting} messages for their key")


@command.command()
@click.pass_obj
def begin(profile: str) -> None:
    """Make the account's identity and show its recovery key, once.

    Where the homeserver wants the password, it is asked for, or read as ``fallback login`` reads it.

    \b
    Examples:
      fallback keys begin
    """
    from fallback.errors import AuthError

    async def make(keys: "Keys") -> str:
        try:
            return await keys.begin()
        except AuthError:
            return await keys.begin(await asyncio.to_thread(_secret, "Password", "FALLBACK_PASSWORD_FILE"))

    recovery = _run(profile, make)
    say("Write this recovery key down; it is shown only now:")
    data(recovery)


@command.command()
@_JSON
@click.pass_obj
def recover(profile: str, *, as_json: bool) -> None:
    """Sign this device with the recovery key or passphrase, and restore the backup.

    It is asked for, or read from the first line of standard input, or of the file that
    FALLBACK_RECOVERY_KEY_FILE names.

    \b
    Examples:
      fallback keys recover
      pass show matrix-recovery | fallback keys recover
    """
    recovery = _secret("Recovery key or passphrase", "FALLBACK_RECOVERY_KEY_FILE").strip()
    restored = _run(profile, lambda keys: keys.recover(recovery))
    emit_json({"restored": restored}) if as_json else say(
        f"this device is signed; {restored} room keys restored"
    )


@command.command()
@_JSON
@click.pass_obj
def devices(profile: str, *, as_json: bool) -> None:
    """List the account's devices.

    \b
    Examples:
      fallback keys devices
    """
    found = _run(profile, lambda keys: keys.devices())
    if as_json:
        emit_json([{"id": one.id, "name": one.name, "signed": one.signed, "this": one.this} for one in found])
        return
    for one in found:
        data(f"{'*' if one.this else ' '} {one.id}  {'signed' if one.signed else 'NOT SIGNED'}  {one.name}")


@command.command()
@click.argument("user", required=False)
@click.option("--room", default="", help="Ask in this room; a room id.")
@click.pass_obj
def verify(profile: str, user: str | None, *, room: str) -> None:
    """Compare emoji with a person, or with another device of yours.

    With USER it asks; without, it waits until somebody asks.  Name yourself to ask your own devices.

    \b
    Examples:
      fallback keys verify @sara:example.org
      fallback keys verify
    """
    from fallback.core.ids import RoomId, UserId

    async def compare(keys: "Keys") -> None:
        flow = await keys.verify(UserId(user), RoomId(room) if room else None) if user else None
        say("asked; accept it on the other device" if flow else "waiting for somebody to ask (Ctrl+C stops)")
        async with asyncio.timeout(PATIENCE):
            await _verified(keys, flow)

    _run(profile, compare, follow=True)


async def _verified(keys: "Keys", flow: "Verification | None") -> None:
    """Go through a verification with the person.

    Raises:
        PermanentError: it was stopped.
    """
    from fallback.core.trust import VerificationStage
    from fallback.errors import PermanentError

    compared = False
    while True:
        flow = next((one for one in keys.verifications() if _goes_on(one, flow)), flow)
        match flow.stage if flow is not None else None:
            case VerificationStage.ASKED if flow is not None and not flow.ours:
                if not await _yes(f"{flow.user} wants to compare emoji with you. Begin?"):
                    await keys.cancel(flow.id)
                    raise PermanentError("declined")
                await keys.accept(flow.id)
                continue
            case VerificationStage.COMPARE if flow is not None and not compared:
                compared = True
                _show(flow)
                if await _yes("Does the other side see the same seven, in the same order?"):
                    await keys.confirm(flow.id)
                else:
                    await keys.cancel(flow.id, mismatch=True)
                continue
            case VerificationStage.DONE if flow is not None:
                say(f"verified: {flow.user}")
                return
            case VerificationStage.CANCELLED if flow is not None:
                raise PermanentError(f"the verification was stopped ({flow.why})", "Begin a new one.")
        await asyncio.sleep(LOOK)


def _goes_on(one: "Verification", flow: "Verification | None") -> bool:
    from fallback.core.trust import VerificationStage

    if flow is not None:
        return one.id == flow.id
    return one.stage is VerificationStage.ASKED and not one.ours


def _show(flow: "Verification") -> None:
    from fallback.core.emoji import EMOJI

    for number in flow.emoji:
        glyph, english, arabic = EMOJI[number]
        data(f"{glyph}  {english} ({arabic})")


async def _yes(question: str) -> bool:
    return await asyncio.to_thread(click.confirm, question, err=True)


@command.command()
@click.argument("user")
@click.option("--fingerprint", default="", help="Take it only if it is this one; asks nothing.")
@click.pass_obj
def accept(profile: str, user: str, *, fingerprint: str) -> None:
    """Take the changed identity of a person.

    \b
    Examples:
      fallback keys accept @sara:example.org
    """
    from fallback.core.ids import UserId
    from fallback.errors import PermanentError

    async def take(keys: "Keys") -> bool:
        shown = keys.changed().get(UserId(user))
        if shown is None:
            raise PermanentError(f"the identity of {user} has not changed")
        if fingerprint and fingerprint != shown:
            raise PermanentError(f"the identity of {user} is another one: {shown}", "Ask them again.")
        say(f"{user} now shows the fingerprint {shown}")
        if fingerprint or await _yes("Have you asked them, by phone or face to face?"):
            await keys.accept_identity(UserId(user), shown)
            return True
        return False

    say("taken" if _run(profile, take) else "left as it was; messages to them wait")


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def export(profile: str, file: Path) -> None:
    """Save all room keys to a file that Element reads too.

    Its passphrase is asked for twice, or read from the first line of standard input, or of the file that
    FALLBACK_KEYS_PASSPHRASE_FILE names.

    \b
    Examples:
      fallback keys export keys.txt
    """
    from fallback.paths import private_file

    passphrase = _secret("Passphrase for the file", "FALLBACK_KEYS_PASSPHRASE_FILE", twice=True)
    text = _run(profile, lambda keys: keys.export_keys(passphrase))
    private_file(file, text.encode())
    say(f"saved: {file}")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
@click.pass_obj
def import_(profile: str, file: Path, *, as_json: bool) -> None:
    """Read room keys from a file of this program or of Element.

    \b
    Examples:
      fallback keys import keys.txt
    """
    passphrase = _secret("Passphrase of the file", "FALLBACK_KEYS_PASSPHRASE_FILE")
    text = file.read_text("utf-8", errors="replace")
    taken = _run(profile, lambda keys: keys.import_keys(text, passphrase))
    emit_json({"new": taken}) if as_json else say(f"{taken} room keys are new")

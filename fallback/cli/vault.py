"""``fallback vault``: who opens the profile, and its backups."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.paths import Profile
    from fallback.store.backup import Content
    from fallback.store.slots import Slot
    from fallback.store.vault import VaultFile

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_FILE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Read this passphrase from a file; asks nothing.",
)


@click.group("vault")
def command() -> None:
    """Lock the profile's keys; back up and restore.

    The passphrase that opens the profile is asked for, or read from the file that FALLBACK_PASSPHRASE_FILE names.
    """


@command.command()
@_JSON
@click.pass_obj
def status(profile: str, *, as_json: bool) -> None:
    """Show what opens this profile; asks nothing and changes nothing.

    \b
    Examples:
      fallback vault status
      fallback vault status --json | jq .asks
    """
    from fallback.paths import Profile
    from fallback.store import vault

    where = Profile(profile)
    file = vault.load(where.data)
    rows = [_described(slot, where.data) for slot in file.slots] if file else []
    asks = file is not None and not any(row["at_hand"] for row in rows)
    facts = {
        "profile": profile,
        "file": str(where.data / vault.NAME),
        "vault": _state(where, file),
        "asks": asks,
    }
    if as_json:
        emit_json({**facts, "slots": rows})
        return
    data(f"profile   {profile}")
    data(f"vault     {facts['vault']}")
    data(f"asks      {'for the passphrase' if asks else 'nothing'}")
    _list(rows)


@command.command()
@_FILE
@click.option("--slot", default="", help="The passphrase to change, where there are several.")
@click.option("--only", is_flag=True, help="Remove everything else that opens the profile.")
@click.pass_obj
def passphrase(profile: str, *, passphrase_file: Path | None, slot: str, only: bool) -> None:
    """Set or change the passphrase.

    No data is written anew: only the key that opens it is wrapped again.  Until the key file is removed
    (--only) the profile opens without a question, as before.

    \b
    Examples:
      fallback vault passphrase
      fallback vault passphrase --only
    """
    from fallback import compose
    from fallback.paths import Profile
    from fallback.store import asking

    with compose.unlocked(Profile(profile)) as opened:
        opened.check_choice(slot)
        new = asking.chosen("New passphrase: ", passphrase_file)
        made = opened.set_passphrase(new, slot=slot, only=only)
        others = [one for one in opened.file.slots if one.kind != "passphrase"]
    data(f"passphrase set (slot {made.id})")
    if others:
        say("the profile still opens without it: " + ", ".join(f"{one.kind} {one.id}" for one in others))
        say("remove that with: fallback vault slots remove ID")


@command.group()
def slots() -> None:
    """List, add and remove what opens the profile.

    \b
    Examples:
      fallback vault slots list
    """


@slots.command("list")
@_JSON
@click.pass_obj
def list_slots(profile: str, *, as_json: bool) -> None:
    """List the slots, and whether each one's secret is at hand.

    \b
    Example:
      fallback vault slots list --json
    """
    from fallback.paths import Profile
    from fallback.store import vault

    where = Profile(profile)
    file = vault.load(where.data)
    rows = [_described(slot, where.data) for slot in file.slots] if file else []
    if as_json:
        emit_json({"slots": rows})
        return
    _list(rows)


@slots.command()
@click.argument("kind", type=click.Choice(["passphrase", "file", "credential", "keyring"]))
@click.option(
    "--file", "place", type=click.Path(), default="", help="Of the key file, or what systemd hands over."
)
@_FILE
@click.pass_obj
def add(profile: str, *, kind: str, place: str, passphrase_file: Path | None) -> None:
    """Add something that opens the profile.

    \b
    passphrase   asked for at the start
    file         a file of 32 random bytes: beside the vault, or on a stick with --file
    credential   $CREDENTIALS_DIRECTORY/fallback-key, handed over by systemd
    keyring      an entry in the desktop's keyring (pip install 'fallback[keyring]')

    \b
    Examples:
      fallback vault slots add file --file /media/stick/fallback.key
      fallback vault slots add credential --file ./fallback-key
    """
    from fallback import compose
    from fallback.paths import Profile
    from fallback.store import asking

    with compose.unlocked(Profile(profile)) as opened:
        new = asking.chosen("New passphrase: ", passphrase_file) if kind == "passphrase" else None
        made = opened.add(kind, new, source=place)  # type: ignore[arg-type]
    data(f"added {made.kind} (slot {made.id})")


@slots.command()
@click.argument("slot")
@click.pass_obj
def remove(profile: str, *, slot: str) -> None:
    """Remove something that opens the profile; the last one stays.

    \b
    Example:
      fallback vault slots remove 1f2e3d4c
    """
    from fallback import compose
    from fallback.paths import Profile

    with compose.unlocked(Profile(profile)) as opened:
        opened.remove(slot)
    data(f"removed slot {slot}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_FILE
@click.option("--own", is_flag=True, help="Ask for a passphrase of the backup's own.")
@_JSON
@click.pass_obj
def backup(profile: str, *, file: Path, passphrase_file: Path | None, own: bool, as_json: bool) -> None:
    """Write the whole profile into one encrypted file.

    It can be made while the client or the relay runs.  It opens with the profile's passphrase, or with its own.

    \b
    Examples:
      fallback vault backup ~/fallback.backup
      fallback vault backup /media/stick/work.backup --own
    """
    import time

    from fallback import __version__, compose
    from fallback.errors import UsageError
    from fallback.paths import Profile
    from fallback.store import asking
    from fallback.store.backup import Manifest, back_up, header_for

    where = Profile(profile)
    if not where.store_file.exists():
        raise UsageError(f"profile {profile} has nothing to back up", "See --profile.")
    if file.absolute().is_relative_to(where.data.absolute()):
        raise UsageError("a backup inside the profile would be lost with it", "Write it elsewhere.")
    if file.exists():
        raise UsageError(f"{file} is there already", "Choose another name; nothing is written over.")
    opened = compose.unlock(where, shared=True)
    own = own or passphrase_file is not None or not opened.file.of("passphrase")
    new = asking.chosen("Passphrase for the backup: ", passphrase_file) if own else None
    header, key = header_for(opened, new)
    manifest = Manifest(profile, __version__, time.time_ns() // 1_000_000, opened.root.hex())
    _show(
        back_up(file, opened, header, key, manifest=manifest, config=where.config_file),
        "backup",
        as_json=as_json,
    )


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_FILE
@click.option("--dry-run", is_flag=True, help="Prove the backup, say what it holds, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask before the change.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; asks nothing but the passphrase."
)
@click.pass_obj
def restore(
    profile: str, *, file: Path, passphrase_file: Path | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Make this profile from a backup.

    A profile with anything in it is refused.  The backup is read to its end and proved before anything is written,
    and a restore that is stopped leaves the profile empty.

    \b
    Examples:
      fallback vault restore ~/fallback.backup --dry-run
      fallback --profile work vault restore /media/stick/work.backup
    """
    from fallback.paths import Profile
    from fallback.store import asking
    from fallback.store import restore as restoring
    from fallback.store.backup import key_of, read_header
    from fallback.store.lock import ProfileLock

    where = Profile(profile)
    restoring.refuse_unless_empty(where.data)
    with file.open("rb") as source, ProfileLock(where.lock_file, where.name) as lock:
        header, start = read_header(source, file.name)
        key = key_of(header, asking.attempts("Passphrase of the backup: ", passphrase_file))
        content = restoring.look(source, key, start, file.name)
        _show(
            content,
            "would restore" if dry_run else "restoring",
            as_json=as_json and dry_run,
            narrate=not dry_run,
        )
        if dry_run:
            return
        if not (yes or as_json) and not click.confirm(f"Put it into profile {profile}?", err=True):
            say("nothing was changed")
            return
        source.seek(len(start))
        kept = where.config_file.exists()
        restoring.restore(source, key, start, file.name, data=where.data, config=where.config_file, lock=lock)
    if kept:
        say(f"{where.config_file} was there already and stays as it is")
    _show(content, "restored", as_json=as_json)


def _show(content: "Content", word: str, *, as_json: bool, narrate: bool = False) -> None:
    """Tell what a backup holds."""
    import datetime as dt

    if as_json:
        emit_json(content)
        return
    made = dt.datetime.fromtimestamp(content.created / 1000, dt.UTC)
    line = (
        f"{word}: profile {content.profile}, {made:%Y-%m-%d %H:%M} UTC, "
        f"{content.files} files, {content.bytes:,} bytes (fallback {content.program})"
    )
    (say if narrate else data)(line)


def _state(where: "Profile", file: "VaultFile | None") -> str:
    """Say what there is, in a word."""
    from fallback.store import keys

    if file is not None:
        return f"version {file.version}, {len(file.slots)} slot{'s' * (len(file.slots) != 1)}"
    if keys.key_file(where.store_file).exists():
        return "none yet; the store's key moves into one at the next start"
    return "none yet; made at the first start"


def _described(slot: "Slot", folder: Path) -> dict[str, object]:
    from fallback.errors import FallbackError
    from fallback.store import sources

    row: dict[str, object] = {
        "id": slot.id,
        "kind": slot.kind,
        "source": slot.source,
        "at_hand": False,
        "why": "",
    }
    if slot.kind == "passphrase":
        return row
    try:
        sources.existing(slot, folder)
    except FallbackError as error:
        return {**row, "why": error.message}
    return {**row, "at_hand": True}


def _list(rows: list[dict[str, object]]) -> None:
    for row in rows:
        state = "asked for" if row["kind"] == "passphrase" else "at hand" if row["at_hand"] else row["why"]
        data(f"slot      {row['id']} {row['kind']:<10} {state}")

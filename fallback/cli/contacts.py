"""``fallback contacts``: people, kept on this machine alone."""

import asyncio
import contextlib
import functools
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from fallback.cli.output import data, emit_json, say
from fallback.core import contact_table
from fallback.core import vcard as cards
from fallback.core.contact_book import Book, absorb
from fallback.core.contact_edit import edited, find, taken_out
from fallback.core.contact_files import SIZE_LIMIT
from fallback.core.contact_plan import plan_import, read_contacts
from fallback.core.contact_report import as_object, describe, differences, lines, plan_object
from fallback.core.contacts import Contact
from fallback.core.ids import ContactId
from fallback.core.numbers import is_region
from fallback.errors import ParseError, UsageError
from fallback.paths import Profile, private_file

if TYPE_CHECKING:
    from fallback.config import Config
    from fallback.core.ports import Store

_Given = ParamSpec("_Given")
_REGION = click.option(
    "--region", help="Country of numbers without a country code, e.g. JO.  [default: whatsapp.region]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_YES = click.option("--yes", is_flag=True, help="Do not ask before the change.")
_VERSION = click.Choice(["3.0", "4.0"])
_TRUST = click.Choice(["unknown", "claimed", "confirmed"])


def _fields(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of a contact."""
    options = (
        click.option("--given", help="First name."),
        click.option("--family", help="Family name."),
        click.option(
            "--alias", "aliases", multiple=True, help="Another name they go by; may be given again."
        ),
        click.option("--phone", "phones", multiple=True, help="A phone number; may be given again."),
        click.option("--matrix", "mxids", multiple=True, help="A Matrix id; may be given again."),
        click.option("--email", "emails", multiple=True, help="An e-mail address; may be given again."),
        click.option("--lid", "lids", multiple=True, help="A WhatsApp LID; may be given again."),
        click.option(
            "--channel", "channels", multiple=True, help="An alert channel, kind:address; may be given again."
        ),
        click.option("--notes", help="Anything worth knowing."),
        click.option("--photo", type=click.Path(path_type=Path), help="A picture of 256 kB at most."),
        click.option("--trust", type=_TRUST, help="How sure their Matrix ids are theirs."),
        _REGION,
        _JSON,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _run(work: Callable[_Given, Coroutine[Any, Any, None]]) -> Callable[_Given, None]:
    """Let a command be a coroutine."""

    @functools.wraps(work)
    def command(*args: _Given.args, **kwargs: _Given.kwargs) -> None:
        asyncio.run(work(*args, **kwargs))

    return command


@click.group("contacts")
def command() -> None:
    """Keep people's names, numbers and Matrix ids together.

    All of it stays in this profile's encrypted store; nothing is uploaded to anybody.
    CONTACT is an id, a number, a Matrix id, or a name that only one person has.
    """


@command.command("list")
@click.argument("text", default="")
@click.option("--duplicates", is_flag=True, help="Show who may be the same person, by number and by name.")
@_JSON
@click.pass_obj
@_run
async def list_(profile: str, text: str, *, duplicates: bool, as_json: bool) -> None:
    """List contacts, all or those that TEXT fits, however it is spelt.

    \b
    Examples:
      fallback contacts list
      fallback contacts list احمد
      fallback contacts list 0790 --json
      fallback contacts list --duplicates
    """
    async with _opened(profile) as (_, book):
        if duplicates:
            _show_duplicates(book, as_json=as_json)
            return
        found = book.search(text)
        if as_json:
            emit_json([as_object(one) for one in found])
            return
        for one in found:
            data("  ".join([one.id, one.shown, *one.phones, *one.mxids]))
        say(f"{len(found)} contacts")


@command.command()
@click.argument("contact")
@_JSON
@click.pass_obj
@_run
async def show(profile: str, contact: str, *, as_json: bool) -> None:
    """Show all that is known of a contact.

    \b
    Examples:
      fallback contacts show هدى
      fallback contacts show +962790000001 --json
    """
    async with _opened(profile) as (_, book):
        _show(find(book, contact, _region(profile, None)), as_json=as_json)


@command.command()
@click.argument("name")
@_fields
@click.pass_obj
@_run
async def add(profile: str, /, name: str, *, region: str | None, as_json: bool, **values: Any) -> None:
    """Add a person.

    \b
    Examples:
      fallback contacts add "هدى الحسن" --phone 0790000001 --region JO
      fallback contacts add Omar --matrix @omar:example.org --email omar@example.org
    """
    async with _opened(profile) as (store, book):
        fresh = Contact(id=_new_id())
        contact = edited(fresh, _changes({"name": name, **values}), book, _region(profile, region))
        namesakes = [one.id for one in book.namesakes(contact)]
        await store.save_contact(contact)
        if namesakes:
            say(f"the name is also that of {', '.join(namesakes)}; one person? fallback contacts merge")
        _show(contact, as_json=as_json)


@command.command()
@click.argument("contact")
@click.option("--name", help="What they are shown as.")
@click.option("--remove", multiple=True, help="An address or alias to take out; may be given again.")
@_fields
@click.pass_obj
@_run
async def edit(
    profile: str, /, contact: str, *, remove: Any, region: str | None, as_json: bool, **values: Any
) -> None:
    """Change a contact; an empty value takes a field away.

    \b
    Examples:
      fallback contacts edit Omar --phone +962790000009 --notes "night desk"
      fallback contacts edit Omar --remove +962790000008
      fallback contacts edit Omar --trust confirmed
    """
    where = _region(profile, region)
    async with _opened(profile) as (store, book):
        changed = find(book, contact, where)
        for value in remove:
            changed = taken_out(changed, value, where)
        changed = edited(changed, _changes(values), book, where)
        await store.save_contact(changed)
        _show(changed, as_json=as_json)


@command.command()
@click.argument("contact")
@click.argument("address")
@_REGION
@click.pass_obj
@_run
async def link(profile: str, contact: str, address: str, region: str | None) -> None:
    """Say that a Matrix id, number or LID is a contact's.

    \b
    Examples:
      fallback contacts link Omar @omar:example.org
      fallback contacts link Omar +962790000009
      fallback contacts link Omar lid:123456789012345
    """
    field = "mxids" if address.startswith("@") else "phones"
    field = "lids" if address.startswith("lid:") or address.endswith("@lid") else field
    where = _region(profile, region)
    async with _opened(profile) as (store, book):
        found = find(book, contact, where)
        linked = edited(found, {field: (address,)}, book, where)
        if linked == found:
            say(f"{address} is linked to {found.shown} already")
            return
        await store.save_contact(linked)
        say(f"{address} is linked to {found.shown}")


@command.command()
@click.argument("contact")
@click.argument("other")
@_YES
@click.pass_obj
@_run
async def merge(profile: str, contact: str, other: str, *, yes: bool) -> None:
    """Make one of two contacts: CONTACT gets all that OTHER has, and OTHER goes.

    \b
    Examples:
      fallback contacts list --duplicates
      fallback contacts merge c1f09aa21b4 c77d01e9c02
    """
    where = _region(profile, None)
    async with _opened(profile) as (store, book):
        ours, theirs = find(book, contact, where), find(book, other, where)
        if ours.id == theirs.id:
            raise UsageError("both are the same contact", "Name two: fallback contacts list --duplicates")
        merged = absorb(ours, theirs)
        say(f"{ours.shown} ({ours.id}) gets:")
        for told in differences(ours, merged) or ["nothing new"]:
            say(f"  {told}")
        say(f"{theirs.shown} ({theirs.id}) goes")
        if _agreed(yes=yes):
            await store.save_contacts([merged], remove=[theirs.id])
            data(merged.id)


@command.command()
@click.argument("contact")
@_YES
@click.pass_obj
@_run
async def remove(profile: str, contact: str, *, yes: bool) -> None:
    """Forget a contact.

    \b
    Example:
      fallback contacts remove Omar
    """
    async with _opened(profile) as (store, book):
        found = find(book, contact, _region(profile, None))
        say(f"{found.shown} ({found.id}) goes: {', '.join(found.addresses) or 'no address'}")
        if _agreed(yes=yes):
            await store.remove_contact(found.id)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--same-name",
    type=click.Choice(["skip", "join", "new"]),
    default="skip",
    show_default=True,
    help="Somebody with a known name and other numbers: leave out, take as that person, or add.",
)
@_REGION
@_YES
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; asks nothing.")
@click.pass_obj
@_run
async def import_(
    profile: str, file: Path, *, dry_run: bool, same_name: Any, region: str | None, yes: bool, as_json: bool
) -> None:
    """Take in the contacts of a vCard or CSV file; a second time changes nothing.

    \b
    Examples:
      fallback contacts import phone.vcf --dry-run
      fallback contacts import phone.vcf --region JO
      fallback contacts import staff.csv --yes --json
    """
    reading = read_contacts(_bytes(file), _region(profile, region))
    async with _opened(profile) as (store, book):
        plan = plan_import(book, reading, iter(_new_id, None), same_name=same_name)
        for line in describe(plan) if not as_json else ():
            (data if dry_run else say)(line)
        if plan.saves and not dry_run and _agreed(yes=yes or as_json):
            await store.save_contacts(plan.saves)
        if as_json:
            emit_json(plan_object(plan) | {"applied": not dry_run})


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vcard", type=_VERSION, default="3.0", show_default=True, help="Version of a .vcf.")
@click.option("--yes", is_flag=True, help="Do not ask before a file is replaced.")
@click.pass_obj
def export(profile: str, file: Path, *, vcard: Any, yes: bool) -> None:
    """Write all contacts to a .vcf or .csv file that only you can read.

    Every phone reads vCard 3.0.  A table leaves photos out.

    \b
    Examples:
      fallback contacts export people.vcf
      fallback contacts export people.csv
    """
    if file.suffix.lower() not in {".vcf", ".csv"}:
        raise UsageError(f"{file.name} is neither .vcf nor .csv", "End the file's name with one of them.")

    async def people() -> list[Contact]:
        async with _opened(profile) as (_, book):
            return list(book)

    found = asyncio.run(people())
    language: Any = "ar" if _settings(profile).interface.language == "ar" else "en"
    table = file.suffix.lower() == ".csv"
    written = contact_table.write(found, language) if table else cards.write(found, vcard)
    if file.exists():
        say(f"{file} is there already and would be replaced")
        if not _agreed(yes=yes):
            return
    try:
        private_file(file, written)
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}", "Name another file.") from error
    say(f"{len(found)} contacts in {file}")


@contextlib.asynccontextmanager
async def _opened(profile: str) -> "AsyncIterator[tuple[Store, Book]]":
    from fallback import compose

    async with compose.open_store(Profile(profile)) as store:
        yield store, Book(await store.contacts())


def _settings(profile: str) -> "Config":
    from fallback import compose

    return compose.settings(Profile(profile))


def _region(profile: str, region: str | None) -> str:
    named = region if region is not None else _settings(profile).whatsapp.region
    if named and not is_region(named):
        raise UsageError(f"{named!r} is no region", "Name one as ISO 3166 does, e.g. JO or EG.")
    return named


def _new_id() -> ContactId:
    return ContactId("c" + secrets.token_hex(5))


def _agreed(*, yes: bool) -> bool:
    agreed = yes or click.confirm("Do this?", err=True)
    if not agreed:
        say("nothing was changed")
    return agreed


def _changes(values: dict[str, Any]) -> dict[str, Any]:
    """Read the photo that a command names; an empty name takes it away."""
    photo = values.pop("photo")
    return values | {"photo": None if photo is None else _bytes(photo) if photo.name else b""}


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ParseError(f"{file} can't be read: {error.strerror}", "Name a file that is there.") from error


def _show(contact: Contact, *, as_json: bool) -> None:
    if as_json:
        emit_json(as_object(contact))
        return
    for line in lines(contact):
        data(line)


def _show_duplicates(book: Book, *, as_json: bool) -> None:
    found = book.duplicates()
    if as_json:
        emit_json([{"shared": key, "contacts": [one.id for one in group]} for key, group in found])
        return
    for key, group in found:
        data(f"{key}: {', '.join(f'{one.shown} ({one.id})' for one in group)}")
    say(f"{len(found)} groups")

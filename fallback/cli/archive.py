"""``fallback archive``: an export's whole history as a page to read and search."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fallback.cli.output import data, emit_json, progress, say

if TYPE_CHECKING:
    from fallback.networks.whatsapp.export import Export


@click.command("archive")
@click.argument("export", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="The folder to make."
)
@click.option("--one-file", is_flag=True, help="Keep the media in the page itself, 20 MB at most.")
@click.option("--language", type=click.Choice(["en", "ar"]), help="Of the page.  [default: the export's]")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be written, and stop.")
@click.option("--force", is_flag=True, help="Write an archive that is there anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--date-order",
    type=click.Choice(["DMY", "MDY", "YMD"]),
    help="Of the export's dates, if they leave it open.",
)
@click.option("--timezone", help="Of the phone that exported, e.g. Asia/Amman.  [default: this machine's]")
@click.option("--me", help="The name of the person who exported.")
def command(
    export: Path,
    *,
    folder: Path,
    one_file: bool,
    language: str | None,
    only_plan: bool,
    force: bool,
    as_json: bool,
    date_order: str | None,
    timezone: str | None,
    me: str | None,
) -> None:
    """Keep a WhatsApp export as one page that can be read, searched and printed without any program of ours.

    The page is index.html with its media beside it; it loads nothing from anywhere, and only its owner can read
    the files.  It is NOT encrypted.

    \b
    Examples:
      fallback archive "WhatsApp Chat with Newsroom.zip" -o newsroom
      fallback archive chat.zip -o newsroom --language ar --timezone Asia/Amman
      fallback archive chat.txt -o newsroom --one-file --force
      fallback archive chat.zip -o newsroom --plan --json
    """
    from msgspec.structs import asdict

    from fallback.compose.archives import check_free, write_archive
    from fallback.networks.whatsapp.export import read_export, zone_of

    folder = folder.absolute()
    check_free(folder, force=force)
    zone = zone_of(timezone)
    with read_export(export, date_order=date_order, timezone=zone, me=me) as opened:
        chosen = language or ("ar" if opened.language == "ar" else "en")
        facts = _facts(opened)
        if not as_json:
            _tell(opened.group.name, facts)
        if only_plan:
            if as_json:
                emit_json({"plan": facts, "folder": str(folder), "language": chosen})
            return
        with progress("writing", len(opened.events) + 2) as advance:
            done = write_archive(
                opened.group,
                opened.events,
                opened.archive,
                folder,
                zone=zone,
                language=chosen,
                inside=one_file,
                force=force,
                progress=advance,
            )
    if as_json:
        emit_json({"plan": facts, "language": chosen, "archive": asdict(done) | {"folder": str(folder)}})
    else:
        data(str(folder / "index.html"))
        if done.missing:
            say(f"{done.missing} files could not be read")


def _facts(opened: "Export") -> dict[str, Any]:
    found = opened.totals.found
    return {
        "group": opened.group.name,
        "records": opened.totals.records,
        "people": len(opened.participants),
        "media": found,
        "media_bytes": sum(opened.archive.media.values()) if found else 0,
        "media_missing": len(opened.totals.missing),
        "problems": len(opened.problems),
    }


def _tell(name: str, facts: dict[str, Any]) -> None:
    say(f"Group       {name or 'without a name'}")
    say(f"History     {facts['records']} events by {facts['people']} people")
    missing = f"; {facts['media_missing']} missing from the export" if facts["media_missing"] else ""
    say(f"Media       {facts['media']} files, {facts['media_bytes'] / 1000:.0f} kB{missing}")
    if facts["problems"]:
        say(f"Warning     {facts['problems']} lines were not understood: fallback inspect")

"""Lists the files of a zip or folder, and refuses what no WhatsApp export holds."""

import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fallback.errors import ArchiveError
from fallback.networks.whatsapp.streams import BAD_ZIP

_MAX_MEMBERS: Final = 200_000
_MAX_TEXT: Final = 4 << 30
_BOMB_SIZE: Final = 32 << 20
_BOMB_RATIO: Final = 120
_JUNK: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")

Member = zipfile.ZipInfo | Path
"""A file of an export: inside a zip, or on disk."""


def is_zip(path: Path) -> bool:
    """Say whether a file is a zip, by its first bytes or its name."""
    with path.open("rb") as stream:
        start = stream.read(4)
    return start in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or path.suffix.lower() == ".zip"


def size_of(member: Member) -> int:
    """Give a member's bytes."""
    return member.file_size if isinstance(member, zipfile.ZipInfo) else member.stat().st_size


def open_zip(path: Path) -> tuple[zipfile.ZipFile, dict[str, Member]]:
    """Open a zip and list its members by name.

    Raises:
        ArchiveError: it is damaged, locked or hostile.
    """
    try:
        archive = zipfile.ZipFile(path)
    except BAD_ZIP as error:
        raise ArchiveError(
            f"{path.name} is no zip or only a part of one", "Copy the file again, or export the chat again."
        ) from error
    try:
        return archive, dict(_members(archive, path))
    except ArchiveError:
        archive.close()
        raise


def _members(archive: zipfile.ZipFile, path: Path) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    entries = archive.infolist()
    if len(entries) > _MAX_MEMBERS:
        raise ArchiveError(f"{path.name} holds {len(entries):,} files", "A WhatsApp export holds far fewer.")
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise ArchiveError(
                f"The files in {path.name} overlap", "It is no WhatsApp export; do not open it."
            )
        end = entry.header_offset + entry.compress_size
    for entry in entries:
        name = _member_name(entry)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveError(
                f"{path.name} holds a link: {name}", "A WhatsApp export has none; do not open it."
            )
        if _climbs(name):
            raise ArchiveError(f"{path.name} holds a path that leaves it: {name}", "Do not open it.")
        if entry.flag_bits & 1:
            raise ArchiveError(
                f"{path.name} is locked with a password", "Unpack it, and give the folder instead."
            )
        if not entry.is_dir() and not junk(name):
            yield name, entry


def _member_name(entry: zipfile.ZipInfo) -> str:
    """Give a member's name in NFC, its UTF-8 restored where the flag was missing."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = entry.filename
    return unicodedata.normalize("NFC", name)


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return (
        ".." in parts
        or name.startswith(("/", "\\"))
        or (len(name) > 1 and name[1] == ":" and name[0].isalpha())
    )


def junk(name: str) -> bool:
    """Say whether a file is litter that a computer left."""
    base = name.rpartition("/")[2]
    return name.startswith(_JUNK[0]) or f"/{_JUNK[0]}" in name or base.startswith("._") or base in _JUNK


def refuse_bomb(entry: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a member that unpacks to more than a chat can hold.

    Raises:
        ArchiveError: it is such a one.
    """
    if entry.file_size > _MAX_TEXT:
        raise ArchiveError(
            f"{entry.filename} in {path.name} would fill {entry.file_size >> 30} GiB", "Do not open it."
        )
    if entry.file_size > _BOMB_SIZE and entry.file_size > _BOMB_RATIO * max(1, entry.compress_size):
        raise ArchiveError(
            f"{entry.filename} in {path.name} is packed beyond belief", "It may be a zip bomb."
        )


def list_folder(path: Path) -> dict[str, Member]:
    """List a folder's files by name.

    Raises:
        ArchiveError: it holds a link, or far too many files.
    """
    members: dict[str, Member] = {}
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted([*files, *folders]):
            full = Path(folder) / name
            if full.is_symlink():
                raise ArchiveError(f"{path.name} holds a link: {name}", "Put the file itself in its place.")
            inside = unicodedata.normalize("NFC", full.relative_to(path).as_posix())
            if full.is_file() and not junk(inside):
                members[inside] = full
        if len(members) > _MAX_MEMBERS:
            raise ArchiveError(f"{path} holds too many files", "Give the export's own folder.")
    return members

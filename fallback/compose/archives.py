"""An archive on disk: the page, its media beside it or inside, and the two as one zip."""

import base64
import io
import mimetypes
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from datetime import tzinfo
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from fallback.bridge.history import Media
from fallback.core.archive_page import BESIDE, INSIDE, page, survey
from fallback.core.archive_words import words
from fallback.core.events import Attachment, Canonical, Frozen, Group
from fallback.errors import ParseError, UsageError
from fallback.paths import private_folder

PAGE = "index.html"
MEDIA = "media"
INSIDE_LIMIT = 20_000_000
"""Bytes of media that a page holds in itself."""
_PIECES = 200
"""Rows that are written at once."""
_RUNS = frozenset({".htm", ".html", ".xhtml", ".shtml", ".mht", ".mhtml", ".xml", ".svg", ".js", ".mjs"})
"""Suffixes of what a browser would run; such a file is kept as text."""


class Archived(Frozen, frozen=True):
    """An archive that was written.

    Args:
        media_bytes: of the files beside the page, or in it.
        missing: files that the export names and could not give.
    """

    folder: Path
    messages: int
    page_bytes: int
    files: int
    media_bytes: int
    missing: int = 0


class _Files:
    """Gives each file of an export its address in the archive, and keeps what the addresses lead to."""

    def __init__(self, media: Media, folder: Path | None) -> None:
        self._media = media
        self._folder = folder
        self.count = self.bytes = self.missing = 0

    def address(self, file: Attachment) -> str:
        """Keep a file; empty for one that can't be read."""
        try:
            data = self._media.read(file.source)
        except ParseError:
            self.missing += 1
            return ""
        self.count += 1
        self.bytes += len(data)
        if self._folder is None:
            if self.bytes > INSIDE_LIMIT:
                raise UsageError(
                    f"the media are more than {INSIDE_LIMIT // 1_000_000} MB, too much for one file",
                    "Leave --one-file out: the media are kept beside the page.",
                )
            return _inside(file, data)
        name = file_name(self.count, file.filename or file.source)
        with _private(self._folder / name) as out:
            out.write(data)
        return f"{MEDIA}/{quote(name)}"


def write_archive(
    group: Group,
    events: Iterable[Canonical],
    media: Media,
    folder: Path,
    *,
    zone: tzinfo,
    language: str = "en",
    inside: bool = False,
    force: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Archived:
    """Write the archive of a group for its owner alone; it is there whole or not at all.

    Args:
        events: iterated twice.
        folder: made; what is there already stays, but an older archive with ``force``.
        inside: the media are in the page; for small groups.
        progress: told once for each event.

    Raises:
        UsageError: something else is there, the disk refuses, or the media are too much for one file.
    """
    check_free(folder, force=force)
    draft: Path | None = None
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=private_folder(folder.parent)))
        files = _Files(media, None if inside else private_folder(draft / MEDIA))
        known = survey(events, zone)
        pieces = page(
            group,
            known,
            events,
            zone=zone,
            words=words(language),
            address=files.address,
            media=INSIDE if inside else BESIDE,
        )
        size = _write(draft / PAGE, pieces, progress)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be written: {error.strerror}", "Name another folder, or free some space."
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
    return Archived(folder, known.messages, size, files.count, files.bytes, files.missing)


def check_free(folder: Path, *, force: bool = False) -> None:
    """Make sure that nothing but an older archive would be lost, and that one only with ``force``.

    Raises:
        UsageError: something is there.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    ours = (
        folder.is_dir()
        and not folder.is_symlink()
        and {one.name for one in folder.iterdir()} <= {PAGE, MEDIA}
    )
    if not ours:
        raise UsageError(f"{folder} is there and is no archive", "Name a folder that is not there yet.")
    if not force:
        raise UsageError(f"{folder} is there already", "Name another folder, or write it anew with --force.")


def packed(folder: Path, *, limit: int) -> tuple[bytes, bool]:
    """Pack an archive as a zip, the same bytes for the same archive.

    Args:
        limit: bytes beyond which the media are left out.

    Returns:
        The zip, and whether the media are in it.
    """
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    whole = sum(one.stat().st_size for one in files) <= limit
    return _zip(folder, files if whole else [folder / PAGE]), whole


def file_name(number: int, name: str) -> str:
    """Name a file in the archive: what no file system, shell or browser takes for anything else."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = re.sub(r"[^\w-]+", "_", path.stem)[:60].strip("_") or "file"
    suffix = re.sub(r"[^a-z0-9.]", "", path.suffix.lower())[:10]
    return f"{number:05d}-{stem}{suffix}{'.txt' if suffix in _RUNS else ''}"


def _inside(file: Attachment, data: bytes) -> str:
    kind = file.mimetype or mimetypes.guess_type(file.filename or file.source)[0] or ""
    safe = (
        kind if re.fullmatch(r"(image/(?!svg)|audio/|video/)[\w.+-]+", kind) else "application/octet-stream"
    )
    return f"data:{safe};base64,{base64.b64encode(data).decode()}"


def _write(path: Path, pieces: Iterable[str], progress: Callable[[], None]) -> int:
    """Write the page's pieces as they come; gives its size."""
    with _private(path) as out:
        held: list[str] = []
        for piece in pieces:
            held.append(piece)
            progress()
            if len(held) >= _PIECES:
                out.write("".join(held).encode())
                held.clear()
        out.write("".join(held).encode())
        return out.tell()


def _private(path: Path) -> io.BufferedWriter:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: PTH123 - given on


def _zip(folder: Path, files: Iterable[Path]) -> bytes:
    """Pack files without their times and owners; media are packed already and only stored."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for one in files:
            entry = zipfile.ZipInfo(one.relative_to(folder).as_posix())
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if one.name == PAGE else zipfile.ZIP_STORED
            made.writestr(entry, one.read_bytes())
    return out.getvalue()

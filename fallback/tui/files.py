"""Files of this computer: described before they are sent, written under a safe name, shown by other programs."""

import asyncio
import mimetypes
import re
import shutil
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fallback.core.events import Attachment, MediaKind
from fallback.core.media import LARGEST, LOCAL
from fallback.core.pictures import measured
from fallback.errors import StoreError, UsageError
from fallback.locale import tr
from fallback.paths import private_file
from fallback.text import sanitise_name

SHOWN = {
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".bmp", ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".3gp",
    ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wav", ".flac", ".pdf", ".txt", ".csv", ".md", ".doc", ".docx",
    ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".epub", ".vcf", ".ics",
}  # fmt: skip
"""Endings of files that other programs show; one that could run (a script, a starter, a page) is only saved."""
PLAYERS = (
    ("mpv", "--no-video", "--really-quiet"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"),
    ("play", "-q"),
)
OPENERS = (("xdg-open",), ("open",))
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00]+')
_LONGEST = 120
_KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}


def read(name: str) -> tuple[Attachment, bytes]:
    """Read a file that is to be sent, and describe it; it has no name here yet.

    Raises:
        UsageError: there is none, it is no plain file, it is empty or too large.
    """
    path = Path(name).expanduser()
    again = tr("Type the path of a file, or drop the file on the terminal.")
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise UsageError(tr("This is no file"), again)
        if not 0 < state.st_size <= LARGEST:
            limit = tr("A file can have {size} MB at most, and must not be empty.", size=LARGEST >> 20)
            raise UsageError(tr("The file is empty or too large"), limit)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "?"
        raise UsageError(tr("The file can't be read: {why}", why=why), again) from error
    mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = _KINDS.get(mimetype.partition("/")[0], MediaKind.DOCUMENT)
    file = Attachment(kind, sanitise_name(path.name), LOCAL, mimetype=mimetype, size=len(data))
    return measured(file, data), data


def dropped(text: str) -> str:
    """Give the path that a terminal writes when a file is dropped on it: quoted, escaped or as an address."""
    text = text.strip()
    if "\n" in text:
        return ""
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    else:
        text = re.sub(r"\\(.)", r"\1", text)
    try:
        return text if text.startswith("/") and Path(text).is_file() else ""
    except (OSError, ValueError):
        return ""


def safe_name(file: Attachment) -> str:
    """Make a name for a file from outside: no folder, not hidden, of bounded length, with an ending."""
    name = _UNSAFE.sub("_", sanitise_name(file.filename)).strip(". ")
    ending = Path(name).suffix or mimetypes.guess_extension(file.mimetype.partition(";")[0]) or ""
    return (Path(name).stem[: _LONGEST - len(ending[:16])] or file.kind.value) + ending[:16]


def free_path(path: Path) -> Path:
    """Give a path that no file has yet: ``report.pdf``, then ``report (2).pdf``."""
    free, number = path, 2
    while free.exists() or free.is_symlink():
        free, number = path.with_name(f"{path.stem} ({number}){path.suffix}"), number + 1
    return free


def write(name: str, data: bytes) -> Path:
    """Write a file for its owner alone, beside one that has the name already; gives where.

    Raises:
        StoreError: it can't be written.
    """
    try:
        path = free_path(Path(name).expanduser())
        private_file(path, data)
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "?"
        raise StoreError(tr("The file can't be written: {why}", why=why)) from error
    return path


def program(file: Attachment) -> tuple[str, ...]:
    """Choose what shows a file: a player for what is heard, else the desktop's own choice.

    Raises:
        UsageError: nothing is installed, or the file is of a kind that could run.
    """
    if Path(safe_name(file)).suffix.lower() not in SHOWN:
        raise UsageError(
            tr("A file of this kind could do harm, so it is not opened from here"),
            tr("Save it with s, and open it yourself if you know who sent it."),
        )
    heard = file.kind in (MediaKind.VOICE, MediaKind.AUDIO)
    for command in (*(PLAYERS if heard else ()), *OPENERS):
        if found := shutil.which(command[0]):
            return (found, *command[1:])
    raise UsageError(tr("No program to open it was found"), tr("Save it with s."))


async def show(command: tuple[str, ...], path: Path) -> None:
    """Run a program on a file until it ends; what it writes must not reach the screen."""
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, str(path), stdin=nowhere, stdout=nowhere, stderr=nowhere
    )
    await process.wait()

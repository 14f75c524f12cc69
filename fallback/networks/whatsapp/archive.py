"""Opens an export as WhatsApp hands it over: a zip, an unpacked folder or the text alone."""

import codecs
import io
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Self, cast

import msgspec

from fallback.errors import ArchiveError, ParseError
from fallback.networks.whatsapp.dialects import frames
from fallback.networks.whatsapp.headers import learn
from fallback.text import sanitise_name

_MAX_MEMBERS: Final = 200_000
_MAX_TEXT: Final = 4 << 30
_BOMB_SIZE: Final = 32 << 20
_BOMB_RATIO: Final = 120
_JUNK: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_BAD_ZIP: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class ChatText(msgspec.Struct, frozen=True):
    """One chat of an export.

    Args:
        name: the member's path inside the export.
        size: bytes before decoding.
        title: the chat's name by its file's or archive's name; empty where that tells nothing.
    """

    name: str
    size: int
    title: str
    opener: Callable[[], IO[bytes]]

    def open(self) -> IO[bytes]:
        """Open the text as UTF-8 bytes, whatever the file's own encoding."""
        return utf8(self.opener())


class Archive:
    """An export that is open: its chats, and its media by name.

    Args:
        media: member path -> bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.media: Mapping[str, int] = {}
        self.chats: tuple[ChatText, ...] = ()
        self._zip: zipfile.ZipFile | None = None
        self._members: dict[str, zipfile.ZipInfo | Path] = {}
        self._names: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._zip is not None:
            self._zip.close()

    def find(self, filename: str, chat: ChatText | None = None) -> str:
        """Find the member that a message names; empty where it is missing.

        Args:
            chat: look in this chat's folder first.
        """
        name = unicodedata.normalize("NFC", filename)
        if chat is not None and "/" in chat.name:
            member = f"{chat.name.rpartition('/')[0]}/{name}"
            if member in self._members:
                return member
        return name if name in self._members else self._names.get(name.casefold(), "")

    def open(self, name: str) -> IO[bytes]:
        """Open a member for reading.

        Raises:
            ArchiveError: there is no such member, or it is damaged.
        """
        member = self._members.get(name)
        match member:
            case Path():
                return member.open("rb")
            case zipfile.ZipInfo():
                assert self._zip is not None  # noqa: S101 - a member of a zip has its zip
                _refuse_bomb(member, self.path)
                try:
                    return _Guarded(self._zip.open(member), self.path, name)
                except _BAD_ZIP as error:
                    raise _damaged(self.path, name) from error
            case None:
                raise ArchiveError(f"{self.path.name} holds no {name}", "Export the chat again, with media.")

    def read(self, name: str) -> bytes:
        """Read a whole member.

        Raises:
            ArchiveError: there is no such member, or it is damaged.
        """
        with self.open(name) as stream:
            return stream.read()

    def fill(self, members: dict[str, "zipfile.ZipInfo | Path"]) -> None:
        """Take the members and find the chats among them."""
        self._members = members
        self._names = {}
        for name in members:
            self._names.setdefault(PurePosixPath(name).name.casefold(), name)
        texts = [name for name in members if name.lower().endswith(".txt")]
        self.chats = tuple(self._chat(name) for name in self._choose(texts))
        chosen = {chat.name for chat in self.chats}
        self.media = {name: _size(member) for name, member in members.items() if name not in chosen}

    def _chat(self, name: str) -> ChatText:
        return ChatText(
            name=name,
            size=_size(self._members[name]),
            title=title_of(name) or title_of(self.path.name),
            opener=lambda: self.open(name),
        )

    def _choose(self, texts: list[str]) -> list[str]:
        """Choose the chats by content; other texts are documents that people sent."""
        folders: dict[str, list[tuple[bool, int, str]]] = {}
        for name in texts:
            folder, _, base = name.rpartition("/")
            framed = base == "_chat.txt" or bool(title_of(base))
            if self._starts_like_chat(name):
                folders.setdefault(folder, []).append((framed, _size(self._members[name]), name))
        chosen: list[str] = []
        for found in folders.values():
            found.sort(key=lambda f: (not f[0], -f[1], f[2]))
            framed = [f for f in found if f[0]] or found[:1]
            chosen.append(framed[0][2])
            others = [f[2] for f in framed[1:]]
            if others:
                with self._chat(framed[0][2]).open() as stream:
                    text = stream.read(64 << 20)
                chosen += [n for n in others if n.rpartition("/")[2].encode() not in text]
        return chosen

    def _starts_like_chat(self, name: str) -> bool:
        with utf8(self.open(name)) as stream:
            lines = stream.read(1 << 16).split(b"\n")
        header = learn(lines[:400])
        return header is not None and (header.shape.close.strip() != "" or header.seen > 1)


def open_export(path: Path | str) -> Archive:
    """Open a zip, a folder or a text.

    Raises:
        ArchiveError: it is damaged, locked or hostile, or holds no chat.
    """
    path = Path(path)
    archive = Archive(path)
    try:
        if path.is_dir():
            archive.fill(_folder(path))
        elif not path.exists():
            raise ArchiveError(f"There is no file {path}", "Check the path of the export.")
        elif _is_zip(path):
            archive._zip, members = _zip(path)  # noqa: SLF001 - its own constructor
            archive.fill(members)
        else:
            archive = _text(path)
    except OSError as error:
        raise ArchiveError(f"{path} can't be read: {error.strerror or error}", "Check the file's permissions.") from error
    except ArchiveError:
        archive.close()
        raise
    if not archive.chats:
        archive.close()
        raise ArchiveError(
            f"{path.name} holds no WhatsApp chat",
            'In WhatsApp choose "Export chat" in the chat\'s menu, and give the file that it makes.',
        )
    return archive


def title_of(name: str) -> str:
    """Take a chat's name from its file's name; empty where the file is named otherwise."""
    stem = PurePosixPath(name).name
    stem = unicodedata.normalize("NFC", stem)
    if stem.lower().endswith((".txt", ".zip")):
        stem = stem[:-4]
    if stem.startswith("WhatsApp Chat - "):
        return sanitise_name(stem.removeprefix("WhatsApp Chat - "))
    for before, after, _ in (*frames("chat_name"), ("WhatsApp-Chat mit ", "", "de")):
        if before and stem.startswith(before) and stem.endswith(after) and len(stem) > len(before) + len(after):
            return sanitise_name(stem[len(before) : len(stem) - len(after)])
        if not before and after and stem.endswith(after) and len(stem) > len(after):
            return sanitise_name(stem[: -len(after)])
    return ""


def utf8(stream: IO[bytes]) -> IO[bytes]:
    """Wrap a stream so that it gives UTF-8 without a byte-order mark."""
    start = stream.read(4)
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if start.startswith(mark):
            return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, encoding, start[2:])))
    if len(start) == 4 and start[1] == 0 and start[3] == 0 and start[0] and start[2]:
        return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, "utf-16-le", start)))
    if len(start) == 4 and start[0] == 0 and start[2] == 0 and start[1] and start[3]:
        return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, "utf-16-be", start)))
    return cast("IO[bytes]", _Prefixed(stream, start.removeprefix(b"\xef\xbb\xbf")))


class _Prefixed(io.RawIOBase):
    """A stream with its first bytes put back."""

    def __init__(self, stream: IO[bytes], start: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._start = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        start, self._start = self._start, b""
        if not start:
            return self._stream.read(size)
        return start + (self._stream.read(size if size < 0 else max(0, size - len(start))))

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Transcoded(io.RawIOBase):
    """A UTF-16 stream read as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str, start: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = self._decoder.decode(start).encode("utf-8", "replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._left:
            raw = self._stream.read(1 << 16)
            self._left = self._decoder.decode(raw, final=not raw).encode("utf-8", "replace")
            if not raw and not self._left:
                return 0
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Guarded(io.RawIOBase):
    """A zip member whose damage is our error."""

    def __init__(self, stream: IO[bytes], path: Path, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._name = name

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        try:
            return self._stream.read(size)
        except _BAD_ZIP as error:
            raise _damaged(self._path, self._name) from error

    def close(self) -> None:
        self._stream.close()
        super().close()


def _damaged(path: Path, name: str) -> ArchiveError:
    return ArchiveError(f"{name} in {path.name} is damaged", "Export the chat again, or copy the file again.")


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(4)
    return start in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or path.suffix.lower() == ".zip"


def _size(member: "zipfile.ZipInfo | Path") -> int:
    return member.file_size if isinstance(member, zipfile.ZipInfo) else member.stat().st_size


def _zip(path: Path) -> tuple[zipfile.ZipFile, dict[str, "zipfile.ZipInfo | Path"]]:
    try:
        archive = zipfile.ZipFile(path)
    except _BAD_ZIP as error:
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
            raise ArchiveError(f"The files in {path.name} overlap", "It is no WhatsApp export; do not open it.")
        end = entry.header_offset + entry.compress_size
    for entry in entries:
        name = _member_name(entry)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveError(f"{path.name} holds a link: {name}", "A WhatsApp export has none; do not open it.")
        if _climbs(name):
            raise ArchiveError(f"{path.name} holds a path that leaves it: {name}", "Do not open it.")
        if entry.flag_bits & 1:
            raise ArchiveError(f"{path.name} is locked with a password", "Unpack it, and give the folder instead.")
        if not entry.is_dir() and not _junk(name):
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
    return ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha())


def _junk(name: str) -> bool:
    base = name.rpartition("/")[2]
    return name.startswith(_JUNK[0]) or f"/{_JUNK[0]}" in name or base.startswith("._") or base in _JUNK


def _refuse_bomb(entry: zipfile.ZipInfo, path: Path) -> None:
    if entry.file_size > _MAX_TEXT:
        raise ArchiveError(f"{entry.filename} in {path.name} would fill {entry.file_size >> 30} GiB", "Do not open it.")
    if entry.file_size > _BOMB_SIZE and entry.file_size > _BOMB_RATIO * max(1, entry.compress_size):
        raise ArchiveError(f"{entry.filename} in {path.name} is packed beyond belief", "It may be a zip bomb.")


def _folder(path: Path) -> dict[str, "zipfile.ZipInfo | Path"]:
    members: dict[str, zipfile.ZipInfo | Path] = {}
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted([*files, *folders]):
            full = Path(folder) / name
            if full.is_symlink():
                raise ArchiveError(f"{path.name} holds a link: {name}", "Put the file itself in its place.")
            inside = unicodedata.normalize("NFC", full.relative_to(path).as_posix())
            if full.is_file() and not _junk(inside):
                members[inside] = full
        if len(members) > _MAX_MEMBERS:
            raise ArchiveError(f"{path} holds too many files", "Give the export's own folder.")
    return members


def _text(path: Path) -> Archive:
    """Open a text alone; files beside it count as its media."""
    archive = Archive(path)
    if path.stat().st_size == 0:
        raise ParseError(f"{path.name} is empty", "Export the chat again.")
    beside: dict[str, zipfile.ZipInfo | Path] = {}
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and entry.name != path.name and not _junk(entry.name):
                beside[unicodedata.normalize("NFC", entry.name)] = Path(entry.path)
    archive._members = {path.name: path, **beside}  # noqa: SLF001 - its own constructor
    archive._names = {name.casefold(): name for name in beside}  # noqa: SLF001
    archive.media = {name: _size(member) for name, member in beside.items() if not name.lower().endswith((".txt", ".zip"))}
    archive.chats = (archive._chat(path.name),)  # noqa: SLF001
    return archive

"""Opens an export as WhatsApp hands it over: a zip, an unpacked folder or the text alone."""

import os
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, NoReturn, Self, cast

import msgspec

from fallback.errors import ArchiveError, ParseError
from fallback.networks.whatsapp.dialects import frames
from fallback.networks.whatsapp.headers import learn
from fallback.networks.whatsapp.members import (
    Member,
    is_zip,
    junk,
    list_folder,
    open_zip,
    refuse_bomb,
    size_of,
)
from fallback.networks.whatsapp.streams import BAD_ZIP, Guarded, damaged, utf8
from fallback.text import sanitise_name


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
        self._members: dict[str, Member] = {}
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
            case zipfile.ZipInfo() if self._zip is not None:
                refuse_bomb(member, self.path)
                try:
                    return cast("IO[bytes]", Guarded(self._zip.open(member), self.path, name))
                except BAD_ZIP as error:
                    raise damaged(self.path, name) from error
            case _:
                raise ArchiveError(f"{self.path.name} holds no {name}", "Export the chat again, with media.")

    def read(self, name: str) -> bytes:
        """Read a whole member.

        Raises:
            ArchiveError: there is no such member, or it is damaged.
        """
        with self.open(name) as stream:
            return stream.read()

    def fill(self, members: dict[str, Member]) -> None:
        """Take the members and find the chats among them."""
        self._members = members
        self._names = {}
        for name in members:
            self._names.setdefault(PurePosixPath(name).name.casefold(), name)
        texts = [name for name in members if name.lower().endswith(".txt")]
        self.chats = tuple(self._chat(name) for name in self._choose(texts))
        chosen = {chat.name for chat in self.chats}
        self.media = {name: size_of(member) for name, member in members.items() if name not in chosen}

    def _chat(self, name: str) -> ChatText:
        return ChatText(
            name=name,
            size=size_of(self._members[name]),
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
                folders.setdefault(folder, []).append((framed, size_of(self._members[name]), name))
        chosen: list[str] = []
        for candidates in folders.values():
            candidates.sort(key=lambda f: (not f[0], -f[1], f[2]))
            named = [f for f in candidates if f[0]] or candidates[:1]
            chosen.append(named[0][2])
            others = [f[2] for f in named[1:]]
            if others:
                with self._chat(named[0][2]).open() as stream:
                    text = stream.read(64 << 20)
                chosen += [n for n in others if n.rpartition("/")[2].encode() not in text]
        return chosen

    def _starts_like_chat(self, name: str) -> bool:
        with utf8(self.open(name)) as stream:
            lines = stream.read(1 << 16).split(b"\n")
        for count in (20, 400):
            header = learn(lines[:count])
            if header is not None and (header.shape.close.strip() != "" or header.seen > 1):
                return True
        return False


def open_export(path: Path | str) -> Archive:
    """Open a zip, a folder or a text.

    Raises:
        ArchiveError: it is damaged, locked or hostile, or holds no chat.
    """
    path = Path(path)
    archive = Archive(path)
    try:
        if path.is_dir():
            archive.fill(list_folder(path))
        elif not path.exists():
            _refuse_missing(path)
        elif is_zip(path):
            archive._zip, members = open_zip(path)  # noqa: SLF001 - its own constructor
            archive.fill(members)
        else:
            archive = _text(path)
    except OSError as error:
        raise ArchiveError(
            f"{path} can't be read: {error.strerror or error}", "Check the file's permissions."
        ) from error
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


def _refuse_missing(path: Path) -> NoReturn:
    raise ArchiveError(f"There is no file {path}", "Check the path of the export.")


def title_of(name: str) -> str:
    """Take a chat's name from its file's name; empty where the file is named otherwise."""
    stem = PurePosixPath(name).name
    stem = unicodedata.normalize("NFC", stem)
    if stem.lower().endswith((".txt", ".zip")):
        stem = stem[:-4]
    if stem.startswith("WhatsApp Chat - "):
        return sanitise_name(stem.removeprefix("WhatsApp Chat - "))
    for before, after, _ in (*frames("chat_name"), ("WhatsApp-Chat mit ", "", "de")):
        if (
            before
            and stem.startswith(before)
            and stem.endswith(after)
            and len(stem) > len(before) + len(after)
        ):
            return sanitise_name(stem[len(before) : len(stem) - len(after)])
        if not before and after and stem.endswith(after) and len(stem) > len(after):
            return sanitise_name(stem[: -len(after)])
    return ""


def _text(path: Path) -> Archive:
    """Open a text alone; files beside it count as its media."""
    archive = Archive(path)
    if path.stat().st_size == 0:
        raise ParseError(f"{path.name} is empty", "Export the chat again.")
    beside: dict[str, Member] = {}
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and entry.name != path.name and not junk(entry.name):
                beside[unicodedata.normalize("NFC", entry.name)] = Path(entry.path)
    archive._members = {path.name: path, **beside}  # noqa: SLF001 - its own constructor
    archive._names = {name.casefold(): name for name in beside}  # noqa: SLF001
    archive.media = {
        name: size_of(member)
        for name, member in beside.items()
        if not name.lower().endswith((".txt", ".zip"))
    }
    archive.chats = (archive._chat(path.name),)  # noqa: SLF001
    return archive

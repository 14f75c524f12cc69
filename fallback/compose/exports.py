"""Exports of one group as one history, whose files are read from where each of them is."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from fallback.core.events import Canonical, Frozen, Group, Message
from fallback.errors import ParseError

if TYPE_CHECKING:
    from fallback.networks.whatsapp.archive import Archive
    from fallback.networks.whatsapp.export import Export


class Reading(Frozen, frozen=True):
    """How an export is read, where it leaves something open; as ``networks.whatsapp.export.read_export``."""

    date_order: str | None = None
    timezone: str | None = None
    me: str | None = None


class GroupHistory(msgspec.Struct):
    """What all exports of a group tell together.

    Args:
        media: reads the events' files, until the exports are closed.
        missing: files that are named and in none of them.
        warnings: what is not told plainly.
    """

    group: Group
    events: list[Canonical]
    media: "Files"
    missing: int
    warnings: tuple[str, ...]


class Files:
    """The files of several exports; a file's name begins with the number of its export."""

    def __init__(self, archives: "Sequence[Archive]") -> None:
        self._archives = archives

    def read(self, name: str) -> bytes:
        """Give a file's bytes.

        Raises:
            ParseError: it is not there, or damaged.
        """
        number, slash, member = name.partition("/")
        if not slash or not number.isdecimal() or int(number) >= len(self._archives):
            raise ParseError(f"no export holds {name}", "Export the chat again, with media.")
        return self._archives[int(number)].read(member)


@contextlib.contextmanager
def group_history(paths: Sequence[Path], reading: Reading) -> Iterator[GroupHistory]:
    """Open the exports of one group.

    Raises:
        ParseError: one can't be read.
        UsageError: an option makes no sense, or they are not of one group.
    """
    from fallback.networks.whatsapp.export import read_export
    from fallback.networks.whatsapp.merge import merge

    with contextlib.ExitStack() as stack:
        exports = [
            stack.enter_context(read_export(path, **msgspec.structs.asdict(reading))) for path in paths
        ]
        merged = merge(exports)
        events = [_placed(event, merged.files) for event in merged.events]
        held = [event for event in events if isinstance(event, Message) and event.attachment]
        missing = sum(
            bool(one.attachment and one.attachment.filename and not one.attachment.source) for one in held
        )
        warnings = [warning for export in exports for warning in _warnings(export)]
        if len(exports) > 1:
            warnings.append(
                f"of {len(exports)} exports: {merged.same} events in common, {merged.added} added"
            )
        yield GroupHistory(
            merged.group, events, Files([export.archive for export in exports]), missing, tuple(warnings)
        )


def _placed(event: Canonical, files: dict[str, int]) -> Canonical:
    """Say in a file's name which export it is in."""
    if not isinstance(event, Message) or event.attachment is None or event.id not in files:
        return event
    file = event.attachment
    return replace(event, attachment=replace(file, source=f"{files[event.id]}/{file.source}"))


def _warnings(export: "Export") -> list[str]:
    """Warn of all that an export does not tell plainly."""
    found = [f"{one.what}: {one.text[:60]!r}" for one in export.problems[:10]]
    if len(export.problems) > len(found):
        found.append(f"{len(export.problems) - len(found)} more lines were not understood: fallback inspect")
    if export.order.open:
        found.append(f"the dates may be read in two ways; taken as {export.date_order} (--date-order)")
    return found

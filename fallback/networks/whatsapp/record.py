"""One record of an export."""

import msgspec

from fallback.networks.whatsapp.bodies import Body
from fallback.networks.whatsapp.systems import SystemLine


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of the file.

    Args:
        stamp: local time, seconds since 1970 as if it were UTC.
        label: who the record names before the colon; ``None`` for a system line without one.
        words: the body as it stands in the file.
        special: the body understood, where the app may have written it.
        system: what a system line says.
    """

    stamp: int
    label: str | None
    words: str
    special: Body | None = None
    system: SystemLine | None = None

    @property
    def body(self) -> Body:
        """Give the body; for what a person typed it is made here."""
        return self.special if self.special is not None else Body("text", self.text)

    @property
    def text(self) -> str:
        """Give the text: typed words, a caption, or a system line's sentence."""
        return self.words if self.special is None else self.special.text

    @property
    def kind(self) -> str:
        """Name the kind in the words of the reports."""
        return self.special.kind if self.special is not None else "text"


class Slice(msgspec.Struct, frozen=True, gc=False):
    """Records that follow each other, column by column.

    Args:
        names: who wrote; ``None`` for a system line.
        bodies: as they stand in the file.
        special: place -> the record, where the app may have written it.
        foreign: line ends inside a body may be ``\\r\\n``.
    """

    stamps: list[int]
    names: list[str | None]
    bodies: list[bytes]
    special: dict[int, Record]
    foreign: bool

    def records(self) -> list[Record]:
        """Make the records; what is no UTF-8 is replaced, line ends become ``\\n``."""
        try:
            texts = list(map(bytes.decode, self.bodies))
        except UnicodeDecodeError:
            texts = [body.decode("utf-8", "replace") for body in self.bodies]
        if self.foreign:
            texts = [text.replace("\r\n", "\n") for text in texts]
        made = list(map(Record, self.stamps, self.names, texts))
        for place, record in self.special.items():
            made[place] = record
        return made


def decode(body: bytes, *, foreign: bool) -> str:
    """Decode one body as ``Slice.records`` decodes them all."""
    text = body.decode("utf-8", "replace")
    return text.replace("\r\n", "\n") if foreign else text

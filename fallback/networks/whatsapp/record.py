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

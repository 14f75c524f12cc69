"""Text becomes lines of cells here, the last step before a strip: clusters, wrapping, bidi, shaping.

Text is logical everywhere else.  How a terminal treats right-to-left text differs, hence the modes:
``terminal`` does bidi itself, so each line is isolated from its neighbours on the row; ``app`` does none, so we
reorder and shape; ``words`` reorders letters within a word, so we reorder words; ``off`` leaves text as it is.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from fallback.tui import bidi
from fallback.tui.shaping import ZWJ, shape

if TYPE_CHECKING:
    import regex

Run = tuple[str, Style]
"""A stretch of text in one style."""

PLAIN = Style.null()
_ALONE = re.compile(
    "[\x20-\u02ff\u0370-\u0482\u05d0-\u05ea\u0606-\u060f\u061b\u061d-\u064a\u0660-\u066f\u0671-\u06d5"
    "\u200e\u200f\u2066-\u2069\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u218f\u2190-\u2bff]*"
)
"""Characters that join nothing: most text, without marks and emoji, is split without a grammar."""
_JOINED = re.compile("[\u200d\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_TINT = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e001f]"
)
_INVISIBLE = re.compile("[\u2066-\u2069]")
_SKIPPED = re.compile(r"https?://\S+|www\.\S+|@\S+")
RLI, LRI, FSI, PDI, LRM, RLM = "\u2067", "\u2066", "\u2068", "\u2069", "\u200e", "\u200f"


class Mode(StrEnum):
    """How right-to-left text reaches the terminal."""

    TERMINAL = "terminal"
    APP = "app"
    WORDS = "words"
    OFF = "off"


class Glyph(NamedTuple):
    """A grapheme cluster with its width in cells, style and bidi level."""

    text: str
    width: int
    style: Style
    level: int = 0


class Line(NamedTuple):
    """Glyphs in logical order that fit on a row."""

    glyphs: tuple[Glyph, ...]
    rtl: bool

    @property
    def width(self) -> int:
        """Cells that the glyphs take."""
        return sum(glyph.width for glyph in self.glyphs)


def detect(environment: Mapping[str, str] | None = None) -> Mode:
    """Guess the mode from what terminals say of themselves."""
    env = os.environ if environment is None else environment
    if env.get("KITTY_WINDOW_ID") or env.get("TERM") == "xterm-kitty":
        return Mode.WORDS
    if env.get("TERM_PROGRAM") in ("WezTerm", "ghostty"):
        return Mode.WORDS
    if env.get("VTE_VERSION") or env.get("KONSOLE_VERSION") or env.get("TERM_PROGRAM") == "Apple_Terminal":
        return Mode.TERMINAL
    if env.get("TERM", "").startswith("mlterm"):
        return Mode.TERMINAL
    return Mode.APP


@lru_cache(maxsize=8192)
def clusters(text: str) -> tuple[str, ...]:
    """Split into what a person takes for one character."""
    if text.isascii() or _ALONE.fullmatch(text):
        return tuple(text)
    return tuple(_grammar().findall(text))


@lru_cache(maxsize=8192)
def simple_clusters(text: str) -> tuple[str, ...]:
    """Split, and reduce emoji to what every terminal draws in as many cells as we count.

    Few terminals join families, tint hands or widen a heart; the others would push the row out of its pane.
    """
    found = clusters(text)
    if text.isascii() or not _JOINED.search(text):
        return found
    return tuple(
        cluster if cluster[0].isalpha() else _TINT.sub("", cluster.split(ZWJ, 1)[0]) or cluster[:1]
        for cluster in found
    )


@cache
def _grammar() -> "regex.Pattern[str]":
    import regex  # noqa: PLC0415 - loaded when the first mark or emoji is seen: it costs 8 ms

    return regex.compile(r"\X")


@lru_cache(maxsize=16384)
def cells(cluster: str) -> int:
    """Measure a cluster in cells."""
    return 1 if cluster.isascii() and len(cluster) == 1 else cell_len(cluster)


def safe(text: str) -> str:
    """Take out what a terminal would obey, a second time after the boundary; tabs become blanks."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub("", text.replace("\t", "    "))


def reads_rtl(text: str, *, default: bool = False) -> bool:
    """Tell a text's direction by its first strong character; links, mentions and digits don't count."""
    if text.isascii():
        return default if not any(c.isalpha() for c in text) else False
    level = bidi.base_level(_SKIPPED.sub(" ", text).replace("\n", " "))
    return default if level is None else level == 1


class Typesetter:
    """Lays out text in one mode."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode

    def glyphs(self, runs: Iterable[Run], *, rtl: bool) -> list[Glyph]:
        """Split one paragraph's runs into glyphs, with levels where we do the reordering."""
        drawn = clusters if self.mode is Mode.WORDS else simple_clusters
        found = [
            Glyph(cluster, cells(cluster), style)
            for text, style in runs
            for cluster in drawn(safe(text).replace("\n", " "))
        ]
        whole = "".join(glyph.text for glyph in found)
        if self.mode in (Mode.APP, Mode.WORDS) and (rtl or bidi.has_rtl(whole)):
            levels = bidi.levels(whole, int(rtl))
            at, levelled = 0, []
            for glyph in found:
                level = levels[at]
                levelled.append(glyph._replace(level=int(rtl) if level is None else level))
                at += len(glyph.text)
            found = levelled
        if self.mode is Mode.TERMINAL:
            return found
        return [glyph for glyph in found if not _INVISIBLE.fullmatch(glyph.text)]

    def wrap(
        self, runs: Sequence[Run], width: int, *, rtl: bool | None = None, forced: bool = False
    ) -> list[Line]:
        """Break runs into lines of at most ``width`` cells; their own line ends are kept.

        Args:
            rtl: the direction of paragraphs without letters; ``None`` to take it from the text.
            forced: ``rtl`` is the direction of all paragraphs: they are our own words around other people's.
        """
        whole = reads_rtl("".join(part for part, _ in runs)) if rtl is None else rtl
        lines: list[Line] = []
        for paragraph in _paragraphs(runs):
            direction = whole if forced else reads_rtl("".join(part for part, _ in paragraph), default=whole)
            glyphs = self.glyphs(paragraph, rtl=direction)
            lines += [Line(tuple(part), direction) for part in _break(glyphs, max(2, width))]
        return lines

    def fit(self, runs: Sequence[Run], width: int, *, rtl: bool | None = None) -> Line:
        """Lay out on one line, cut with an ellipsis where it is too long."""
        text = "".join(part for part, _ in runs)
        direction = reads_rtl(text) if rtl is None else rtl
        glyphs = self.glyphs(runs, rtl=direction)
        if sum(glyph.width for glyph in glyphs) > width:
            kept, used = [], 0
            for glyph in glyphs:
                if used + glyph.width > width - 1:
                    break
                kept.append(glyph)
                used += glyph.width
            last = kept[-1] if kept else Glyph("", 0, PLAIN, int(direction))
            glyphs = [*kept, last._replace(text="…" + self._hold(kept), width=1)] if width > 0 else []
        return Line(tuple(glyphs), direction)

    def _hold(self, glyphs: Sequence[Glyph]) -> str:
        """Give a mark that keeps an ellipsis at the end of what it cuts, where the terminal reorders."""
        if self.mode is not Mode.TERMINAL:
            return ""
        classes = (bidi.bidi_class(glyph.text[0]) for glyph in reversed(glyphs) if glyph.text)
        strong = next((found for found in classes if found in ("L", "R", "AL")), "")
        return {"L": LRM, "": ""}.get(strong, RLM)

    def join(self, line: Line, runs: Sequence[Run]) -> Line:
        """Put runs behind a line; they keep their own order whatever the line ends with."""
        base = int(line.rtl)
        tail = [glyph._replace(level=glyph.level or base) for glyph in self.glyphs(runs, rtl=line.rtl)]
        mark = [Glyph(RLM if line.rtl else LRM, 0, PLAIN)] if self.mode is Mode.TERMINAL else []
        return Line((*line.glyphs, *mark, *tail), line.rtl)

    def paint(self, line: Line, width: int, *, align: str = "", fill: Style = PLAIN) -> list[Segment]:
        """Put a line into exactly ``width`` cells.

        Args:
            align: ``left``, ``right`` or ``center``; by the line's direction where empty.
            fill: lies under the text and in the blanks around it.
        """
        shown = self.visual(line)
        if self.mode is Mode.TERMINAL and not _balanced(shown):
            shown = [glyph for glyph in shown if not _INVISIBLE.fullmatch(glyph.text)]
        used = sum(glyph.width for glyph in shown)
        spare = max(0, width - used)
        align = align or ("right" if line.rtl else "left")
        left = {"left": 0, "right": spare, "center": spare // 2}[align]
        if (
            self.mode is Mode.TERMINAL
            and shown
            and (line.rtl or bidi.has_rtl("".join(g.text for g in shown)))
        ):
            segments = _isolated(shown, fill, rtl=line.rtl)
        else:
            segments = _segments(shown, fill)
        if left:
            segments.insert(0, Segment(" " * left, fill))
        if spare - left:
            segments.append(Segment(" " * (spare - left), fill))
        return segments

    def visual(self, line: Line) -> list[Glyph]:
        """Put a line's glyphs in the order in which they are written to the terminal."""
        glyphs = list(line.glyphs)
        if self.mode in (Mode.TERMINAL, Mode.OFF) or not any(glyph.level for glyph in glyphs):
            return glyphs
        if self.mode is Mode.APP:
            glyphs = _shaped(glyphs)
        base = int(line.rtl)
        levels = [glyph.level for glyph in glyphs]
        for place in range(len(glyphs) - 1, -1, -1):  # L1 at a line's end
            if not glyphs[place].text.isspace():
                break
            levels[place] = base
        places = bidi.order(levels)
        if self.mode is Mode.WORDS:
            return [glyphs[place] for place in _whole_words(places, levels, glyphs)]
        return [
            glyphs[place]._replace(text=bidi.mirror(glyphs[place].text))
            if levels[place] % 2
            else glyphs[place]
            for place in places
        ]

    def text(self, text: str) -> str:
        """Give one line of text as it is written to the terminal, for widgets that are not ours."""
        rtl = reads_rtl(text)
        line = Line(tuple(self.glyphs([(text, PLAIN)], rtl=rtl)), rtl)
        return "".join(segment.text for segment in self.paint(line, line.width, align="left"))


def isolate(text: str) -> str:
    """Keep a text of unknown direction together within another."""
    return f"{FSI}{text}{PDI}"


def width_of(runs: Iterable[Run]) -> int:
    """Measure runs in cells."""
    return sum(cells(cluster) for text, _ in runs for cluster in clusters(safe(text)))


def _paragraphs(runs: Sequence[Run]) -> list[list[Run]]:
    paragraphs: list[list[Run]] = [[]]
    for text, style in runs:
        first, *rest = text.split("\n")
        paragraphs[-1].append((first, style))
        paragraphs += [[(part, style)] for part in rest]
    return paragraphs


def _break(glyphs: Sequence[Glyph], width: int) -> list[Sequence[Glyph]]:
    if sum(glyph.width for glyph in glyphs) <= width:
        return [glyphs]
    lines: list[Sequence[Glyph]] = []
    start, used, space = 0, 0, -1
    for place, glyph in enumerate(glyphs):
        if glyph.text == " ":
            space = place
        if used + glyph.width > width and place > start:
            if glyph.text == " ":
                lines.append(glyphs[start:place])
                start, used, space = place + 1, 0, -1
                continue
            cut = space if space > start else place
            lines.append(glyphs[start:cut])
            start = cut + (cut == space)
            used = sum(one.width for one in glyphs[start:place])
            space = -1
        used += glyph.width
    if start < len(glyphs):
        lines.append(glyphs[start:])
    return lines


def _shaped(glyphs: list[Glyph]) -> list[Glyph]:
    texts = shape([glyph.text for glyph in glyphs])
    return [
        glyph if text == glyph.text else glyph._replace(text=text, width=cells(text))
        for glyph, text in zip(glyphs, texts, strict=True)
        if text
    ]


def _whole_words(places: list[int], levels: list[int], glyphs: list[Glyph]) -> list[int]:
    """Turn the letters of each right-to-left word back into logical order."""
    result: list[int] = []
    word: list[int] = []
    for place in places:
        if levels[place] % 2 and not glyphs[place].text.isspace():
            word.append(place)
            continue
        result += [*reversed(word), place]
        word = []
    return result + word[::-1]


def _segments(glyphs: Sequence[Glyph], fill: Style) -> list[Segment]:
    segments: list[Segment] = []
    text, style = "", PLAIN
    for glyph in glyphs:
        if glyph.style is not style and glyph.style != style:
            if text:
                segments.append(Segment(text, fill + style))
            text, style = "", glyph.style
        text += glyph.text
    if text:
        segments.append(Segment(text, fill + style))
    return segments


def _isolated(glyphs: Sequence[Glyph], fill: Style, *, rtl: bool) -> list[Segment]:
    """Isolate a line from what else is on its row; blanks at its ends stay outside.

    VTE loses a control at the very start of a row, so something must stand before it.
    """
    start, end = 0, len(glyphs)
    while start < end and glyphs[start].text == " ":
        start += 1
    while end > start and glyphs[end - 1].text == " ":
        end -= 1
    first, inner, last = glyphs[:start], glyphs[start:end], glyphs[end:]
    if rtl:
        first, last = last, first
    isolate_start = Segment(RLI if rtl else LRI, fill)
    return [
        *_segments(first, fill), isolate_start, *_segments(inner, fill), Segment(PDI + LRM, fill),
        *_segments(last, fill),
    ]  # fmt: skip


def _balanced(glyphs: Sequence[Glyph]) -> bool:
    depth = 0
    for glyph in glyphs:
        if glyph.text in (RLI, LRI, FSI):
            depth += 1
        elif glyph.text == PDI:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0

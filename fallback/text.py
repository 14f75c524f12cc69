"""Text from outside is made safe here, once, before it is stored or shown.

A terminal obeys control bytes wherever they stand, so a display name can set a window title, write the
clipboard or turn a line round.  ``sanitise`` takes out what no person types and keeps all that they do:
joiners (emoji, Persian), variation selectors and Arabic marks stay.
"""

import re
import unicodedata

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u2028\u2029"  # line and paragraph separator
    "\u202a-\u202e"  # embeddings and overrides
    "\U000e0000-\U000e001f\ufff9-\ufffb\ufeff\ufffe\uffff"  # tags' base, annotations, BOM
    "\ud800-\udfff]"  # lone surrogates
)
_OBEYED = re.compile(f"{_CONTROL.pattern[:-1]}\u2066-\u2069]")
_ISOLATES = re.compile("[\u2066-\u2069]")
_RUN = re.compile("[^\\w\x00-\u02ff]{9,}")
_STACKED = 8


def sanitise(text: str) -> str:
    """Make text from outside safe to store, show and log.

    Line ends become ``\\n``; other controls, bidi overrides and lone surrogates go; isolates stay only where
    they are balanced; a run of combining marks and of what has no width is cut at eight.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _CONTROL.sub("", text)
    if _ISOLATES.search(text) and not _balanced(text):
        text = _ISOLATES.sub("", text)
    return _RUN.sub(_cut, text)


def sanitise_name(text: str, limit: int = 128) -> str:
    """Make a name (person, room, file) safe: one line, no marks of direction, a bounded length.

    Invisible characters alone are no name: the result is empty then.
    """
    text = _ISOLATES.sub("", sanitise(text)).replace("\u200e", "").replace("\u200f", "").replace("\u061c", "")
    text = " ".join(text.split())
    if not any(unicodedata.category(character)[0] in "LNPS" for character in text):
        return ""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def coded(text: str) -> str:
    r"""Write what a terminal would obey as ``\\uXXXX``, as JSON reads it."""
    return _OBEYED.sub(lambda found: _code(found[0]), text)


def _code(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _cut(run: re.Match[str]) -> str:
    """Keep eight of each run of marks and of characters without width; isolates stay in their pairs."""
    kept, stacked = [], 0
    for character in run[0]:
        if unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            stacked = 0
        elif not _ISOLATES.match(character):
            stacked += 1
        if stacked <= _STACKED or _ISOLATES.match(character):
            kept.append(character)
    return "".join(kept)


def _balanced(text: str) -> bool:
    depth = 0
    for mark in _ISOLATES.findall(text):
        depth += -1 if mark == "\u2069" else 1
        if depth < 0:
            return False
    return depth == 0

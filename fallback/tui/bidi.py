"""The Unicode Bidirectional Algorithm (UAX #9), whole, over code points; pure.

``levels`` gives each character's embedding level, ``order`` the visual order of a line.  Rules are named as in
the standard.  The caller works on grapheme clusters: a cluster takes the level of its first character.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from fallback.tui.bidi_data import MIRROR, PAIRS

MAX_DEPTH = 125
_ISOLATE_STARTS = frozenset({"LRI", "RLI", "FSI"})
_REMOVED = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "BN"})
_NEUTRAL = frozenset({"B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"})
_STRONG_OF = {"L": "L", "R": "R", "EN": "R", "AN": "R"}
_CANONICAL = {"\u2329": "\u3008", "\u232a": "\u3009"}

_UNASSIGNED_RTL = (
    (0x0590, 0x05FF, "R"), (0x0600, 0x07BF, "AL"), (0x07C0, 0x085F, "R"), (0x0860, 0x08FF, "AL"),
    (0xFB1D, 0xFB4F, "R"), (0xFB50, 0xFDCF, "AL"), (0xFDF0, 0xFDFF, "AL"), (0xFE70, 0xFEFF, "AL"),
    (0x10800, 0x10CFF, "R"), (0x10D00, 0x10D3F, "AL"), (0x10D40, 0x10EBF, "R"), (0x10EC0, 0x10EFF, "AL"),
    (0x10F00, 0x10F2F, "R"), (0x10F30, 0x10F6F, "AL"), (0x10F70, 0x10FFF, "R"), (0x1E800, 0x1EC6F, "R"),
    (0x1EC70, 0x1ECBF, "AL"), (0x1ECC0, 0x1ECFF, "R"), (0x1ED00, 0x1ED4F, "AL"), (0x1ED50, 0x1EDFF, "R"),
    (0x1EE00, 0x1EEFF, "AL"), (0x1EF00, 0x1EFFF, "R"),
)  # fmt: skip


@lru_cache(maxsize=4096)
def bidi_class(character: str) -> str:
    """Give a character's bidi class; unassigned ones as the standard's defaults say."""
    found = unicodedata.bidirectional(character)
    if found:
        return found
    code = ord(character)
    return next((name for first, last, name in _UNASSIGNED_RTL if first <= code <= last), "L")


def base_level(text: str) -> int | None:
    """Find the paragraph level by the first strong character (P2, P3); ``None`` where there is none."""
    return _first_strong([bidi_class(character) for character in text], 0, len(text))


def has_rtl(text: str) -> bool:
    """Tell whether anything in a text reads from right to left."""
    return not text.isascii() and any(bidi_class(character) in ("R", "AL", "AN") for character in text)


class _Paragraph(NamedTuple):
    """What all rules look at: the text, its classes, isolate pairs, and the levels and types of X1 to X8."""

    text: str
    base: int
    classes: Sequence[str]
    matching: dict[int, int]
    explicit: Sequence[int]
    types: Sequence[str]


def levels(text: str, base: int) -> list[int | None]:
    """Resolve the level of every character (X1 to I2); ``None`` for what rule X9 removes."""
    classes = [bidi_class(character) for character in text]
    matching = _match_isolates(classes)
    explicit, types = _explicit(classes, matching, base)
    paragraph = _Paragraph(text, base, classes, matching, explicit, types)
    resolved = list(explicit)
    for run in _sequences(classes, explicit, matching):
        for position, level in zip(run, _resolve_sequence(paragraph, run), strict=True):
            resolved[position] = level
    _reset_ends(classes, resolved, base)
    return [None if cls in _REMOVED else level for cls, level in zip(classes, resolved, strict=True)]


def order(found: Sequence[int]) -> list[int]:
    """Give the visual order of a line from its levels (L2): positions from left to right."""
    places = list(range(len(found)))
    if not found:
        return places
    lowest_odd = min((level for level in found if level % 2), default=max(found) + 1)
    for level in range(max(found), lowest_odd - 1, -1):
        start = 0
        while start < len(places):
            if found[places[start]] < level:
                start += 1
                continue
            end = start
            while end < len(places) and found[places[end]] >= level:
                end += 1
            places[start:end] = places[start:end][::-1]
            start = end
    return places


def mirror(character: str) -> str:
    """Give a character's mirror image, or itself (L4)."""
    return MIRROR.get(character, character)


def _first_strong(classes: Sequence[str], start: int, end: int) -> int | None:
    depth = 0
    for position in range(start, end):
        match classes[position]:
            case "LRI" | "RLI" | "FSI":
                depth += 1
            case "PDI":
                depth = max(0, depth - 1)
            case "L" if depth == 0:
                return 0
            case "R" | "AL" if depth == 0:
                return 1
            case "B":
                return None
    return None


def _match_isolates(classes: Sequence[str]) -> dict[int, int]:
    """Pair isolate starts with their PDI, both ways; an unmatched start points past the end (BD9)."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for position, cls in enumerate(classes):
        if cls in _ISOLATE_STARTS:
            stack.append(position)
        elif cls == "PDI" and stack:
            start = stack.pop()
            pairs[start], pairs[position] = position, start
    pairs.update(dict.fromkeys(stack, len(classes)))
    return pairs


def _explicit(classes: Sequence[str], matching: dict[int, int], base: int) -> tuple[list[int], list[str]]:
    """Apply X1 to X8; gives the levels, and the classes as overrides leave them."""
    stack: list[tuple[int, str, bool]] = [(base, "", False)]
    overflow_isolates = overflow_embeddings = valid_isolates = 0
    found: list[int] = []
    types = list(classes)
    for position, original in enumerate(classes):
        level, override, _ = stack[-1]
        cls = original
        if cls == "FSI":
            inner = _first_strong(classes, position + 1, matching.get(position, len(classes)))
            cls = "RLI" if inner == 1 else "LRI"
        match cls:
            case "RLE" | "LRE" | "RLO" | "LRO":
                found.append(level)
                deeper = _next_level(level, odd=cls[0] == "R")
                if deeper <= MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                    stack.append((deeper, cls[0] if cls[2] == "O" else "", False))
                elif not overflow_isolates:
                    overflow_embeddings += 1
            case "RLI" | "LRI":
                found.append(level)
                types[position] = override or original
                deeper = _next_level(level, odd=cls[0] == "R")
                if deeper <= MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                    valid_isolates += 1
                    stack.append((deeper, "", True))
                else:
                    overflow_isolates += 1
            case "PDI":
                if overflow_isolates:
                    overflow_isolates -= 1
                elif valid_isolates:
                    overflow_embeddings = 0
                    while not stack[-1][2]:
                        stack.pop()
                    stack.pop()
                    valid_isolates -= 1
                level, override, _ = stack[-1]
                found.append(level)
                types[position] = override or original
            case "PDF":
                found.append(level)
                if overflow_isolates:
                    pass
                elif overflow_embeddings:
                    overflow_embeddings -= 1
                elif len(stack) > 1 and not stack[-1][2]:
                    stack.pop()
            case "B":
                found.append(base)
            case "BN":
                found.append(level)
            case _:
                found.append(level)
                types[position] = override or cls
    return found, types


def _next_level(level: int, *, odd: bool) -> int:
    return (level + 1) | 1 if odd else (level + 2) & ~1


def _sequences(classes: Sequence[str], found: Sequence[int], matching: dict[int, int]) -> list[list[int]]:
    """Split into isolating run sequences (BD13, X10)."""
    runs: list[list[int]] = []
    for position, cls in enumerate(classes):
        if cls in _REMOVED:
            continue
        if runs and found[runs[-1][-1]] == found[position]:
            runs[-1].append(position)
        else:
            runs.append([position])
    by_start = {run[0]: run for run in runs}
    sequences = []
    for run in runs:
        if classes[run[0]] == "PDI" and run[0] in matching:
            continue
        sequence = list(run)
        while classes[sequence[-1]] in _ISOLATE_STARTS and matching.get(sequence[-1]) in by_start:
            sequence += by_start[matching[sequence[-1]]]
        sequences.append(sequence)
    return sequences


def _resolve_sequence(paragraph: _Paragraph, run: list[int]) -> list[int]:
    """Apply W1 to W7, N0 to N2, I1 and I2 to one isolating run sequence; gives its levels."""
    text, base, classes, matching, explicit, types = paragraph
    level = explicit[run[0]]
    before = _neighbour(range(run[0] - 1, -1, -1), explicit, classes, base)
    last = run[-1]
    open_ended = classes[last] in _ISOLATE_STARTS and matching.get(last, len(classes)) >= len(classes)
    after = base if open_ended else _neighbour(range(last + 1, len(classes)), explicit, classes, base)
    sos = "R" if max(level, before) % 2 else "L"
    eos = "R" if max(level, after) % 2 else "L"
    kinds = [types[position] for position in run]
    _weak(kinds, sos)
    _brackets(
        [text[position] for position in run], [classes[position] for position in run], kinds, sos, level
    )
    _neutral(kinds, sos, eos, level)
    if level % 2:
        return [level + (kind != "R") for kind in kinds]
    return [level + {"L": 0, "R": 1}.get(kind, 2) for kind in kinds]


def _neighbour(positions: range, found: Sequence[int], classes: Sequence[str], base: int) -> int:
    return next((found[position] for position in positions if classes[position] not in _REMOVED), base)


def _weak(kinds: list[str], sos: str) -> None:
    previous, strong = sos, sos
    for place, kind in enumerate(kinds):  # W1 to W3
        if kind == "NSM":
            kinds[place] = "ON" if previous in ("LRI", "RLI", "FSI", "PDI") else previous
        elif kind == "EN" and strong == "AL":
            kinds[place] = "AN"
        if kind in ("L", "R", "AL"):
            strong = kind
        previous = kind if kind != "NSM" else kinds[place]
        if kinds[place] == "EN" and strong == "AL":
            kinds[place] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for place in range(1, len(kinds) - 1):  # W4
        around = kinds[place - 1]
        if around == kinds[place + 1] and (
            (kinds[place] in ("ES", "CS") and around == "EN") or (kinds[place] == "CS" and around == "AN")
        ):
            kinds[place] = around
    place = 0
    while place < len(kinds):  # W5
        if kinds[place] != "ET":
            place += 1
            continue
        end = place
        while end < len(kinds) and kinds[end] == "ET":
            end += 1
        if (place and kinds[place - 1] == "EN") or (end < len(kinds) and kinds[end] == "EN"):
            kinds[place:end] = ["EN"] * (end - place)
        place = end
    strong = sos
    for place, kind in enumerate(kinds):  # W6, W7
        if kind in ("ES", "ET", "CS"):
            kinds[place] = "ON"
        elif kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[place] = "L"


def _brackets(
    characters: Sequence[str], classes: Sequence[str], kinds: list[str], sos: str, level: int
) -> None:
    """Give paired brackets the direction of what they hold (N0)."""
    embedding = "R" if level % 2 else "L"
    for start, end in _bracket_pairs(characters, kinds):
        inside = {_STRONG_OF[kind] for kind in kinds[start + 1 : end] if kind in _STRONG_OF}
        if embedding in inside:
            direction = embedding
        elif inside:
            context = next((_STRONG_OF[kind] for kind in reversed(kinds[:start]) if kind in _STRONG_OF), sos)
            direction = context if context != embedding else embedding
        else:
            continue
        for place in (start, end):
            kinds[place] = direction
            for following in range(place + 1, len(kinds)):
                if classes[following] != "NSM":
                    break
                kinds[following] = direction


def _bracket_pairs(characters: Sequence[str], kinds: Sequence[str]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    closing = set(PAIRS.values())
    for place, character in enumerate(characters):
        if kinds[place] != "ON":
            continue
        if character in PAIRS:
            if len(stack) == 63:
                break
            partner = PAIRS[character]
            stack.append((_CANONICAL.get(partner, partner), place))
        elif character in closing:
            wanted = _CANONICAL.get(character, character)
            for depth in range(len(stack) - 1, -1, -1):
                if stack[depth][0] == wanted:
                    pairs.append((stack[depth][1], place))
                    del stack[depth:]
                    break
    return sorted(pairs)


def _neutral(kinds: list[str], sos: str, eos: str, level: int) -> None:
    """Resolve neutrals by their surroundings (N1, N2)."""
    embedding = "R" if level % 2 else "L"
    place = 0
    while place < len(kinds):
        if kinds[place] not in _NEUTRAL:
            place += 1
            continue
        end = place
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        left = _STRONG_OF[kinds[place - 1]] if place else sos
        right = _STRONG_OF[kinds[end]] if end < len(kinds) else eos
        kinds[place:end] = [left if left == right else embedding] * (end - place)
        place = end


def _reset_ends(classes: Sequence[str], found: list[int], base: int) -> None:
    """Put separators and the blanks before them, and at the end, to the paragraph's level (L1)."""
    at_end = True
    for position in range(len(classes) - 1, -1, -1):
        cls = classes[position]
        if cls in ("B", "S"):
            found[position] = base
            at_end = True
        elif cls in ("WS", "LRI", "RLI", "FSI", "PDI"):
            if at_end:
                found[position] = base
        elif cls not in _REMOVED:
            at_end = False

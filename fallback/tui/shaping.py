"""Arabic letter shaping for terminals that do none: presentation forms and the lam-alef ligature; pure."""

import unicodedata
from collections.abc import Sequence
from functools import cache

TATWEEL = "\u0640"
ZWJ = "\u200d"
LAM = "\u0644"


class Forms:
    """The four shapes of each letter, as the Unicode compatibility decompositions name them."""

    def __init__(self) -> None:
        self.shapes: dict[str, dict[str, str]] = {}
        self.ligatures: dict[tuple[str, str], str] = {}
        for code in (*range(0xFB50, 0xFDFE), *range(0xFE70, 0xFEFD)):
            tag, _, rest = unicodedata.decomposition(chr(code)).partition(" ")
            letters = tuple(chr(int(part, 16)) for part in rest.split())
            if len(letters) == 1:
                self.shapes.setdefault(letters[0], {}).setdefault(tag, chr(code))
            elif len(letters) == 2 and letters[0] == LAM and letters[1] in "آأإا":
                self.ligatures[tag, letters[1]] = chr(code)

    def joins_next(self, letter: str) -> bool:
        """Tell whether a letter reaches out to the one after it."""
        return letter in (TATWEEL, ZWJ) or "<initial>" in self.shapes.get(letter, {})

    def joins_previous(self, letter: str) -> bool:
        """Tell whether a letter takes the hand of the one before it."""
        return letter in (TATWEEL, ZWJ) or "<final>" in self.shapes.get(letter, {})


@cache
def forms() -> Forms:
    """Build the table once, when the first Arabic text is shaped."""
    return Forms()


def shape(clusters: Sequence[str]) -> list[str]:
    """Shape grapheme clusters in logical order; a cluster that a ligature swallowed becomes empty.

    Marks stay behind their letter, so the result has as many items as the input.
    """
    table = forms()
    letters = [cluster[:1] for cluster in clusters]
    shaped = list(clusters)
    joined_before = False
    skip = False
    for place, cluster in enumerate(clusters):
        letter = letters[place]
        if skip:
            skip = False
            continue
        following = letters[place + 1] if place + 1 < len(letters) else ""
        takes = joined_before and table.joins_previous(letter)
        if letter == LAM and ("<isolated>", following) in table.ligatures:
            tag = "<final>" if takes else "<isolated>"
            shaped[place] = table.ligatures[tag, following] + cluster[1:] + clusters[place + 1][1:]
            shaped[place + 1] = ""
            joined_before, skip = False, True
            continue
        reaches = (cluster.endswith(ZWJ) or table.joins_previous(following)) and table.joins_next(letter)
        tag = {
            (False, False): "<isolated>",
            (False, True): "<initial>",
            (True, False): "<final>",
            (True, True): "<medial>",
        }[takes, reaches]
        form = table.shapes.get(letter, {}).get(tag)
        if form:
            shaped[place] = form + cluster[1:].replace(ZWJ, "")
        joined_before = table.joins_next(letter)
    return shaped

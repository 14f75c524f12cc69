"""How our own network is, by hosts that have nothing to do with Meta; nothing else is believed while it fails."""

from collections.abc import Collection
from enum import StrEnum

from fallback.core.events import Frozen
from fallback.core.tracks import WINDOW, Track, loss
from fallback.core.vocabulary import CAPTIVE, Word

LOSS_WINDOW = 180.0
"""Seconds in which lost looks are counted."""
LOSSY = 0.1
"""Part of lost looks from which our own network may be to blame."""


class Network(StrEnum):
    """How our own network is, by hosts that have nothing to do with Meta."""

    UNSEEN = "unseen"
    GOOD = "good"
    IMPAIRED = "impaired"
    FAILING = "failing"
    CAPTIVE = "captive"
    SILENT = "silent"


class Surroundings(Frozen, frozen=True):
    """The verdict on our network, the unrelated hosts that answer and those that there are.

    Args:
        steady: nothing was lost in the last minute and a half.
    """

    network: Network
    good: int = 0
    seen: int = 0
    steady: bool = True


def judge(
    controls: Collection[Track], names: Collection[Track], home: Collection[Track], now: float
) -> Surroundings:
    """Judge our network so that one dead host or resolver decides nothing.

    Args:
        controls: unrelated pages; they decide where there are any.
        names: unrelated names at the resolvers.
        home: the homeserver; it can stand on our own machine, so it never excuses the network.
    """
    everything = [*controls, *names]
    if not everything:
        return Surroundings(Network.UNSEEN)
    fresh = [track for track in everything if track.fresh(now)]
    if not fresh:
        return Surroundings(Network.SILENT, 0, len(everything))
    good = sum(track.word is Word.GOOD for track in fresh)
    deciding = [track for track in controls if track.fresh(now)] or fresh
    steady = loss(fresh, now, LOSS_WINDOW / 2) < LOSSY
    return Surroundings(_verdict(fresh, deciding, home, good, now), good, len(fresh), steady)


def _verdict(
    fresh: Collection[Track], deciding: Collection[Track], home: Collection[Track], good: int, now: float
) -> Network:
    portals = [track for track in deciding if track.streak >= 2 and CAPTIVE.fullmatch(track.outcome)]
    lost = all(track.streak for track in deciding)
    most = 3 * (len(fresh) - good) >= 2 * len(fresh) and any(track.streak >= 2 for track in fresh)
    if lost and (most or all(track.streak >= 2 for track in deciding)):
        return Network.CAPTIVE if portals else Network.FAILING
    if portals and (lost or any(track.streak for track in home)):
        return Network.CAPTIVE
    if loss(fresh, now, LOSS_WINDOW) >= 0.4:
        return Network.FAILING
    starts = any(0 < track.streak < 4 for track in deciding)
    return Network.IMPAIRED if starts or loss(fresh, now, WINDOW) >= LOSSY else Network.GOOD

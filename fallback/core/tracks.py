"""The recent samples of one probe and the standing votes of members, and how each is weighed."""

from collections import deque
from collections.abc import Iterable
from enum import IntEnum

from fallback.core.vocabulary import Word

WINDOW = 300.0
"""Seconds of a path probe that count."""
TRAFFIC_WINDOW = 600.0
"""Seconds of sends that count."""
VOTE_LASTS = 1800.0
"""Seconds for which a member's vote stands."""


class Level(IntEnum):
    """How bad a family is."""

    NONE = 0
    GOOD = 1
    PARTIAL = 2
    BAD = 3


class Track:
    """The recent samples of one probe."""

    __slots__ = ("at", "bad_since", "gap", "outcome", "recent", "streak", "word")

    def __init__(self) -> None:
        self.recent: deque[tuple[float, bool, str]] = deque(maxlen=40)
        self.at = 0.0
        self.gap = 30.0
        self.outcome = ""
        self.word = Word.IDLE
        self.streak = 0
        self.bad_since = 0.0

    def add(self, at: float, word: Word, outcome: str) -> None:
        """Take a sample."""
        if self.at:
            self.gap = max(15.0, at - self.at)
        self.at = at
        self.outcome = outcome
        self.word = word
        if word is Word.BAD:
            if not self.streak:
                self.bad_since = at
            self.streak += 1
            self.recent.append((at, False, outcome))
        elif word is Word.GOOD:
            self.streak = 0
            self.recent.append((at, True, outcome))

    def fresh(self, now: float) -> bool:
        """Tell whether the probe still reports."""
        return now - self.at <= min(600.0, max(200.0, 3 * self.gap))

    def heard(self, now: float) -> bool:
        """Tell whether its newest clear word is not too old."""
        return bool(self.recent) and now - self.recent[-1][0] <= min(600.0, max(200.0, 3 * self.gap))

    def counts(self, now: float, window: float = WINDOW) -> tuple[int, int]:
        """Give (bad, all) of a window that ends now."""
        good = [fine for at, fine, _ in self.recent if now - at <= window]
        return good.count(False), len(good)

    def level(self, now: float) -> Level:
        """Weigh a probe that looks at regular times."""
        if not self.heard(now):
            return Level.NONE
        if self.streak >= 2:
            return Level.BAD
        if self.streak == 0 and all(fine for _, fine, _ in self.recent):
            return Level.GOOD
        bad, seen = self.counts(now)
        if seen >= 4 and bad / seen >= 0.6:
            return Level.BAD
        return Level.PARTIAL if bad >= 2 and bad / seen >= 0.2 else Level.GOOD

    def says(self, words: frozenset[str], now: float) -> bool:
        """Tell whether the newest bad outcomes are such words."""
        bad = [outcome for at, fine, outcome in self.recent if not fine and now - at <= WINDOW][-4:]
        return bool(bad) and 2 * sum(outcome in words for outcome in bad) > len(bad)


class Votes:
    """What members say, one voice each; who keeps turning round is not heard."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, str]] = {}
        self._turns: dict[str, deque[float]] = {}
        self.newest_down = 0.0

    def add(self, at: float, outcome: str) -> None:
        """Take ``down:WHO`` or ``up:WHO``."""
        word, _, who = outcome.partition(":")
        if word not in ("down", "up") or not who:
            return
        before = self._said.get(who)
        if before and before[1] != word:
            self._turns.setdefault(who, deque(maxlen=3)).append(at)
        self._said[who] = (at, word)
        self.newest_down = at if word == "down" else self.newest_down

    def count(self, now: float, *, ups_after: float, downs_after: float) -> tuple[int, int]:
        """Count the members who say up and down, of votes that still stand."""
        ups = downs = 0
        for who, (at, word) in self._said.items():
            turns = list(self._turns.get(who, ()))
            if now - at > VOTE_LASTS or (len(turns) == 3 and now - turns[0] <= VOTE_LASTS):
                continue
            ups += word == "up" and at >= ups_after
            downs += word == "down" and at >= downs_after
        return ups, downs


def begin(sends: list[tuple[float, bool]]) -> float:
    """Give the time of the failed send from which most have failed."""
    first, score = sends[-1][0], 0
    for at, fine in reversed(sends):
        score += -2 if fine else 1
        if score <= 0:
            break
        first = first if fine else at
    return first


def loss(tracks: Iterable[Track], now: float, window: float) -> float:
    """Give the part of recent looks that failed; a host that does not answer at all is one dead host, no loss."""
    counted = [track.counts(now, window) for track in tracks if track.streak < 4]
    seen = sum(tried for _, tried in counted)
    return sum(bad for bad, _ in counted) / seen if seen else 0.0


def drops(recent: Iterable[tuple[float, bool, str]], now: float) -> int:
    """Count how often a session was lost lately."""
    lost, before = 0, True
    for at, fine, _ in recent:
        lost += before and not fine and now - at <= TRAFFIC_WINDOW
        before = fine
    return lost


def resolver(name: str) -> str:
    """Give the name of a DNS probe without the host it asks for (``dns.cf.g`` → ``dns.cf``)."""
    return ".".join(name.split(".")[:2])

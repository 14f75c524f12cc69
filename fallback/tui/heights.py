"""Heights of a long list, guessed at first and measured where somebody looks; pure."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class Heights:
    """Heights in lines and their running total; ``offsets[n]`` is where the n-th begins."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self.offsets: list[int] = [0]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def total(self) -> int:
        """Lines of the whole."""
        return self.offsets[-1]

    def reset(self, values: Sequence[int]) -> None:
        """Begin anew."""
        self.values = list(values)
        self._total_from(0)

    def append(self, values: Sequence[int]) -> None:
        """Add at the end."""
        start = len(self.values)
        self.values += values
        self._total_from(start)

    def prepend(self, values: Sequence[int]) -> None:
        """Add at the start."""
        self.values[:0] = values
        self._total_from(0)

    def update(self, measured: dict[int, int]) -> None:
        """Correct guesses: place to height."""
        changed = [place for place, height in measured.items() if self.values[place] != height]
        for place in changed:
            self.values[place] = measured[place]
        if changed:
            self._total_from(min(changed))

    def place_at(self, line: int) -> int:
        """Find what stands at a line of the whole."""
        return max(0, min(len(self.values) - 1, bisect_right(self.offsets, line) - 1))

    def _total_from(self, start: int) -> None:
        base = self.offsets[start]
        del self.offsets[start + 1 :]
        self.offsets += [base + total for total in accumulate(self.values[start:])]

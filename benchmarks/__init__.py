"""Ratios taken in one run: make bench.  A module here has ``run(quick) -> list[Row]``."""

from typing import TypedDict


class Row(TypedDict):
    """One figure.

    Attributes:
        ratio: ours against the bare thing, both measured in this run.
        goal: what it should be, with its sign (``<= 1.5``).
    """

    name: str
    ratio: float
    goal: str
    detail: str

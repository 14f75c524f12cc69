"""Who is to be told outside Matrix, by which channel, and when: ladders, deputies, quiet hours and caps."""

from collections.abc import Container, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from fallback.core.contacts import Contact
from fallback.core.events import Frozen

HOUR = 3_600_000
METAS = (
    "whatsapp.com", "whatsapp.net", "wa.me", "facebook.com", "facebook.net", "fb.com", "fb.me", "fbcdn.net", "meta.com",
    "messenger.com", "m.me", "instagram.com", "ig.me", "threads.net", "threads.com",
)  # fmt: skip
"""Domains of Meta: what goes down together with WhatsApp carries no alert."""
_META_KINDS = ("whatsapp", "facebook", "messenger", "instagram", "threads", "fbmessenger")


class Rules(Frozen, frozen=True):
    """How people may be disturbed.

    Args:
        step: seconds between two rungs of a ladder that were sent.
        per_hour: alerts that one person gets in an hour at most.
        quiet: minutes of the day (UTC) between which nobody is disturbed; may run over midnight.
        costs: of one alert, by the channel's kind; others are free.
        budget: what one outage may cost.
    """

    step: float = 300.0
    per_hour: int = 4
    quiet: tuple[int, int] | None = None
    costs: Mapping[str, int] = msgspec.field(default_factory=dict)
    budget: int = 0


class Rung(Frozen, frozen=True):
    """One channel of one person, ``kind:address``."""

    to: str
    channel: str

    @property
    def kind(self) -> str:
        """The channel's kind, which names the alert."""
        return self.channel.partition(":")[0]

    @property
    def address(self) -> str:
        """What the alert is given."""
        return self.channel.partition(":")[2]


class Member(Frozen, frozen=True):
    """Somebody who was not seen in the room yet, with their ladder and then their deputy's."""

    id: str
    name: str
    rungs: tuple[Rung, ...] = ()


class Attempt(Frozen, frozen=True):
    """An alert that was tried: when (ms), about whom, to whom; ``error`` is empty for one that was sent."""

    at: int
    member: str
    rung: Rung
    error: str = ""


def member(contact: Contact, others: Mapping[str, Contact]) -> Member:
    """Make a ladder of a contact's channels in their order, then their e-mail, then their deputy's.

    A channel ``deputy:ID`` names the deputy; a deputy's own deputy is not asked.

    Args:
        others: contacts by id.
    """
    names = [one.partition(":")[2] for one in contact.channels if one.startswith("deputy:")]
    deputies = [others[name] for name in names if name in others and name != contact.id]
    rungs = [rung for one in (contact, *deputies) for rung in _ladder(one)]
    return Member(contact.id, contact.shown, tuple(dict.fromkeys(rungs)))


def due(
    members: Iterable[Member],
    attempts: Sequence[Attempt],
    rules: Rules,
    now: int,
    *,
    acknowledged: Container[str] = (),
) -> list[tuple[Member, Rung]]:
    """Choose who is to be told now, one rung each; nothing twice, and nothing while it is quiet.

    Args:
        attempts: of this outage.
        acknowledged: members who have said that they know.
    """
    if _quiet(rules, now):
        return []
    spent = sum(rules.costs.get(one.rung.kind, 0) for one in attempts if not one.error)
    recent: dict[str, int] = {}
    for one in attempts:
        if now - one.at < HOUR:
            recent[one.rung.to] = recent.get(one.rung.to, 0) + 1
    chosen: list[tuple[Member, Rung]] = []
    for each in members:
        rung = None if each.id in acknowledged else _next(each, attempts, rules, now, rules.budget - spent)
        if rung is not None and recent.get(rung.to, 0) < rules.per_hour:
            recent[rung.to] = recent.get(rung.to, 0) + 1
            spent += rules.costs.get(rung.kind, 0)
            chosen.append((each, rung))
    return chosen


def is_metas(url: str) -> bool:
    """Tell whether an address leads to a service of Meta, by its host or its kind."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return False
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme.lower() in _META_KINDS or any(
        host == domain or host.endswith(f".{domain}") for domain in METAS
    )


def _ladder(contact: Contact) -> list[Rung]:
    own = [one for one in contact.channels if not one.startswith("deputy:")]
    return [Rung(contact.id, one) for one in (*own, *(f"mailto:{mail}" for mail in contact.emails))]


def _next(each: Member, attempts: Sequence[Attempt], rules: Rules, now: int, money: int) -> Rung | None:
    """Give the first rung that was not tried and can be paid for; after one that was sent only when it had its time."""
    own = [one for one in attempts if one.member == each.id]
    if any(not one.error and now - one.at < rules.step * 1000 for one in own):
        return None
    tried = {one.rung for one in own}
    affordable = (
        one for one in each.rungs if one not in tried and rules.costs.get(one.kind, 0) <= max(0, money)
    )
    return next(affordable, None)


def _quiet(rules: Rules, now: int) -> bool:
    if rules.quiet is None:
        return False
    begin, end = rules.quiet
    minute = now // 60_000 % 1440
    return begin <= minute < end if begin <= end else minute >= begin or minute < end

"""What WhatsApp is told on return: the messages themselves when they are few, else one digest."""

from collections import Counter
from collections.abc import Sequence

from fallback.core.events import Canonical, Edit, Frozen, Message, Redaction

REPLAY_AT_MOST = 3
"""Waiting messages up to which they are sent one by one; more at once invite a ban and nobody reads them."""
QUOTED = 5
"""The last messages that a digest quotes."""
QUOTE_LENGTH = 120


class Digest(Frozen, frozen=True):
    """One message for all that waited; ``text`` is WhatsApp markup."""

    text: str
    messages: int


def digest(waiting: Sequence[Canonical], *, minutes: int, link: str) -> Digest | None:
    """Condense what was said meanwhile; ``None`` where it is little enough to be sent as it is.

    Args:
        waiting: what waits for the remote group, oldest first, as routed (each text begins with its author).
        minutes: how long the outage lasted.
        link: where to read the rest.
    """
    gone = {event.target for event in waiting if isinstance(event, Redaction)}
    edits = {event.target: event.text for event in waiting if isinstance(event, Edit)}
    said = [event for event in waiting if isinstance(event, Message) and event.id not in gone]
    if len(said) <= REPLAY_AT_MOST:
        return None
    writers = Counter(event.sender.name or event.sender.key for event in said)
    who = ", ".join(f"{name} ({count})" for name, count in writers.most_common())
    lines = [f"> {_short(edits.get(event.id, event.text))}" for event in said[-QUOTED:]]
    left_out = len(said) - len(lines)
    head = f"📋 WhatsApp was away for {_span(minutes)}. Meanwhile {len(said)} messages were written on Matrix: {who}."
    tail = [f"… and {left_out} before."] if left_out else []
    return Digest("\n".join([head, "", *tail, *lines, "", f"All of it: {link}"]), len(said))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= QUOTE_LENGTH else text[: QUOTE_LENGTH - 1] + "…"


def _span(minutes: int) -> str:
    hours, rest = divmod(max(1, minutes), 60)
    if not hours:
        return f"{rest} minute{'s' if rest != 1 else ''}"
    return f"{hours} h {rest} min" if rest else f"{hours} h"

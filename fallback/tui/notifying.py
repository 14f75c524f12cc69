"""What is told while the terminal has not the focus: which groups, in which words, by which control sequence; pure."""

from collections.abc import Iterable, Mapping

from fallback.locale import tr
from fallback.text import sanitise_name
from fallback.tui.views import GroupView

_LONGEST = 120


def fresh(before: Iterable[GroupView], after: Iterable[GroupView]) -> list[GroupView]:
    """Give the groups that have more unread messages than before."""
    counts = {one.portal: one.unread for one in before}
    return [one for one in after if one.unread > counts.get(one.portal, one.unread)]


def sentence(group: GroupView, *, private: bool) -> str:
    """Say that something is new in a group; in private neither where, who nor what."""
    if private:
        return tr("New message")
    said = ": ".join(part for part in (group.last_sender, group.last) if part)
    return f"{group.name} · {said}"


def notification(text: str, environment: Mapping[str, str]) -> str:
    """Write the sequence that asks a terminal to notify: OSC 777 where VTE and its like know that, else OSC 9.

    Nothing in the text can end the sequence or begin another: controls are taken out, and so is ``;``, which parts
    its fields.
    """
    safe = sanitise_name(text, _LONGEST).replace(";", ",")
    vte = "VTE_VERSION" in environment or environment.get("TERM", "").startswith(("rxvt", "foot"))
    return f"\x1b]777;notify;fallback;{safe}\x1b\\" if vte else f"\x1b]9;{safe}\x1b\\"


def is_quiet(hours: str, minute: int) -> bool:
    """Tell whether a minute of the day is within quiet hours, which may go over midnight."""
    if not hours:
        return False
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in hours.split("-"))
    return start <= minute < end if start <= end else minute >= start or minute < end

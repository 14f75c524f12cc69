"""What a room is told when WhatsApp goes and comes, in Arabic and English; short, with what to do."""

from collections.abc import Container, Iterable

from fallback.core.events import Canonical, Notice
from fallback.core.health import Cause, Health, State

GONE, BACK = "outage.gone", "outage.back"
"""The topics of the two announcements; a client's banner follows them."""


def gone(health: Health) -> str:
    """Say that the team is here now."""
    return (
        "🔴 *WhatsApp is down. The team is here.*\n"
        "Write here as usual: your messages wait for WhatsApp and nothing is lost.\n"
        f"({_why(health)})\n"
        "🔴 *واتساب متوقف، والفريق هنا.*\n"
        "اكتبوا هنا كالمعتاد: رسائلكم تنتظر عودة واتساب ولن يضيع منها شيء."
    )


def back(minutes: int, waiting: int) -> str:
    """Say that WhatsApp works again, and what became of the messages that waited."""
    sent = f" {waiting} waiting messages were passed on." if waiting else ""
    sent_ar = f" وصلت الرسائل المنتظرة ({waiting}) إلى واتساب." if waiting else ""
    return f"🟢 *WhatsApp works again* after {minutes} min.{sent}\n🟢 *عاد واتساب للعمل* بعد {minutes} دقيقة.{sent_ar}"


def holds(state: State) -> bool:
    """Tell whether messages to WhatsApp wait in this state."""
    return state in (State.DOWN, State.RECOVERING)


def _why(health: Health) -> str:
    return health.why or {
        Cause.META_OUTAGE: "Meta does not answer",
        Cause.BLOCKED: "WhatsApp is blocked",
    }.get(health.cause or Cause.META_OUTAGE, "WhatsApp does not answer")


def heard(events: Iterable[Canonical], trusted: Container[str]) -> Health | None:
    """Tell how WhatsApp is from what the relay announced in a room; ``None`` where it announced nothing.

    Args:
        events: of one room, oldest first.
        trusted: Matrix ids of its admins; anybody else's announcement is only words.
    """
    found: Health | None = None
    for event in events:
        if isinstance(event, Notice) and event.sender.mxid in trusted and event.topic in (GONE, BACK):
            down = event.topic == GONE
            found = Health(
                event.at / 1000, State.DOWN if down else State.UP, None, _told(event.text) if down else ""
            )
    return found


def _told(text: str) -> str:
    """Find the reason that ``gone`` wrote: the line in brackets."""
    return next((line[1:-1] for line in text.splitlines() if line.startswith("(") and line.endswith(")")), "")

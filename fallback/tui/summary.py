"""A message in one line, for the list of groups; pure."""

from fallback.core.events import Message
from fallback.tui.markup import bare


def summary(event: Message) -> str:
    """Say a message in one line."""
    if event.deleted:
        return "🚫"
    if event.poll:
        return f"📊 {event.poll.question}"
    if event.location:
        return f"📍 {event.location.name}"
    if event.attachment:
        return f"📎 {event.text or event.attachment.filename}"
    return bare(next((line for line in event.text.splitlines() if line.strip()), ""))

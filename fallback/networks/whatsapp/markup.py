"""WhatsApp markup to HTML and back; the rules live in core, where both sides reach them."""

from fallback.core.markup import from_html, to_html

__all__ = ["from_html", "to_html"]

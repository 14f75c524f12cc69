"""What the newsroom's phones and its member say while the demo runs."""

from collections.abc import Sequence

from fallback.simulator.phones import Line


def before(people: Sequence[str]) -> tuple[Line, ...]:
    """Give the last minutes before the outage; ``people`` are the group's three most talkative."""
    editor, reporter, desk = people[:3]
    return (
        Line(4, editor, "صباح الخير، من يتابع خبر توقف خدمات فيسبوك؟"),
        Line(6, reporter, "On it. *Three* sources so far, nothing official."),
        Line(5, desk, "عندي نفس المشكلة من المكتب، الصور لا تُرسل"),
        Line(7, editor, "👍", react=True),
        Line(6, reporter, "If this goes down we move to the Matrix room. Does everybody have it open?"),
        Line(6, editor, "نعم، جاهزون ✅"),
    )


def during(people: Sequence[str]) -> tuple[Line, ...]:
    """Give what people try on their phones meanwhile; it goes out when the network is back."""
    _, reporter, desk = people[:3]
    return (
        Line(30, desk, "هل يصل هذا إلى أحد؟"),
        Line(45, reporter, "Message is stuck with a clock icon…"),
    )


def after(people: Sequence[str]) -> tuple[Line, ...]:
    """Give the first words after the outage."""
    editor, reporter, _ = people[:3]
    return (
        Line(8, editor, "عاد واتساب! شكراً للجميع، قرأت الملخص"),
        Line(6, reporter, "Back. Nothing got lost, nice."),
    )


FIRST = "مرحباً، أكتب من ماتركس. Testing from the Matrix side."
"""What the member writes while all is well."""

MEMBER = (
    "أنا هنا. خبر العاجل جاهز للنشر: توقف عالمي لخدمات ميتا.",
    "Headline: *Facebook, WhatsApp and Instagram down worldwide*",
    "Cloudflare says the DNS names are gone; I quote them in paragraph two.",
    "من يراجع الترجمة العربية؟",
    "Published 16:12. Next update at 17:00, keep writing here.",
)
"""What the member writes in the room while WhatsApp is away."""

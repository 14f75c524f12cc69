"""What an alert outside Matrix says: short, in Arabic and English, and nothing of what was written."""

from fallback.core.acknowledge import LASTS, Acknowledgement, sign
from fallback.core.alerting import Member

TITLE = "WhatsApp is down, your team is on Matrix · واتساب متوقف وفريقك على ماتركس"


def summons(member: Member, outage: int, *, key: bytes, page: str = "") -> tuple[str, str]:
    """Give an alert's title and text.

    Args:
        outage: its beginning, ms.
        key: of the acknowledging links.
        page: where the links lead, without the token; empty for none.
    """
    lines = [
        f"{member.name}: WhatsApp is down. Your team meets in the Matrix room; write one word there.",
        f"{member.name}: واتساب متوقف. فريقك يجتمع في غرفة ماتركس؛ اكتب فيها كلمة واحدة.",
    ]
    if page:
        token = sign(key, Acknowledgement(member.id, outage, outage + LASTS))
        lines += ["I have seen it · اطّلعتُ عليه:", page + token]
    return TITLE, "\n".join(lines)

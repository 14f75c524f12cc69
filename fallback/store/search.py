"""What full-text search finds: which text of an event counts, and when two spellings are one word."""

import re
import unicodedata
from typing import assert_never

from fallback.core import roster
from fallback.core.events import (
    Canonical,
    Edit,
    GroupChange,
    Membership,
    Message,
    Notice,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670]")
_LETTERS = str.maketrans("یکہۀەٹ", "يكهههت") | str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def fold(text: str) -> str:
    """Reduce a text to what its spellings share.

    Gone are case, tashkeel, tatweel, hamza seats (أإآ are ا), ى against ي, ة against ه, Persian against
    Arabic letters and digits, Latin accents, and joiners.
    """
    text = unicodedata.normalize("NFD", roster.fold(text))
    text = _ACCENTS.sub("", text).replace("\u200c", "").replace("\u200d", "").translate(_LETTERS)
    return unicodedata.normalize("NFC", text)


def words(text: str) -> list[str]:
    """Give the folded words of a text in order."""
    return _WORD.findall(fold(text))


def spoken(event: Canonical) -> str:
    """Give the text of an event that a person may look for; empty where there is none."""
    match event:
        case Message():
            parts = [event.text]
            if event.attachment:
                parts.append(event.attachment.filename)
            if event.location:
                parts += [event.location.name, event.location.address]
            if event.poll:
                parts += [event.poll.question, *(option.text for option in event.poll.options)]
            return "\n".join(part for part in parts if part)
        case Edit() | Notice():
            return event.text
        case Reaction() | Redaction() | Vote() | Receipt() | Membership() | GroupChange():
            return ""
        case _:
            assert_never(event)

"""Compares a parse with an expected one; tolerant of invisible characters only."""

import re
import unicodedata

_BIDI = dict.fromkeys([*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
_HIDDEN = {**_BIDI, **dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060])}
_SPACES = {0xA0: " ", 0x202F: " ", 0x2009: " "}


def _sender(value):
    if value is None:
        return None
    text = value.translate(_HIDDEN).translate(_SPACES).replace("\u2011", "-")
    return re.sub(r"^~\s*", "", re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()) or None


def _text(value):
    text = (value or "").replace("\r\n", "\n").translate(_BIDI).translate(_SPACES)
    return unicodedata.normalize("NFC", text).strip()


def _same(field, wanted, got):
    if isinstance(wanted, dict) and set(wanted) == {"any_of"}:
        return any(_same(field, value, got) for value in wanted["any_of"])
    match field:
        case "sender":
            return _sender(wanted) == _sender(got)
        case "text" | "attachment" | "group_name":
            return _text(wanted) == _text(got)
        case "participants":
            return {_sender(name) for name in wanted} == {_sender(name) for name in got}
        case "edited":
            return bool(wanted) == bool(got)
        case _:
            return wanted == got


def differences(wanted, got):
    """Every field of the expected parse that the parse has otherwise."""
    found = [
        f"{field}: {wanted[field]!r} != {got.get(field)!r}"
        for field in ("platform", "date_order", "participants", "group_name", "n_messages")
        if field in wanted and not _same(field, wanted[field], got.get(field))
    ]
    for ours, theirs in zip(wanted["messages"], got["messages"], strict=False):
        found += [
            f"{ours['n']} {field}: {ours[field]!r} != {theirs.get(field)!r}"
            for field in ("timestamp_local", "sender", "text", "kind", "attachment", "edited", "system_kind")
            if field in ours and not _same(field, ours[field], theirs.get(field))
        ]
    return found

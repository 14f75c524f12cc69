"""Looks into JSON from outside that may be anything; what is not as expected counts as absent."""

import math
from typing import Any, Final

import msgspec

from fallback.errors import ParseError
from fallback.text import sanitise

Json = dict[str, Any]
_LATEST: Final = 4_102_444_800
"""Seconds: a moment from the year 2100 on is a mistake."""
_LONGEST_ID: Final = 512


def decode(body: bytes) -> Json:
    """Read an object.

    Raises:
        ParseError: the bytes are no JSON object.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ParseError("this is no JSON", "Ask the sender what it means.") from error
    if not isinstance(found, dict):
        raise ParseError("this is JSON, but no object", "Ask the sender what it means.")
    return found


def child(value: Json, key: str) -> Json:
    """Give an object inside; an empty one where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def items(value: Json, key: str) -> list[Json]:
    """Give the objects of a list inside."""
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def string(value: Json, *keys: str) -> str:
    """Give the first text under one of the keys, safe to keep; numbers are written out."""
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found:
            return sanitise(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
    return ""


def identifier(value: Json, *keys: str) -> str:
    """Give an id; one of an absurd length is none."""
    found = string(value, *keys)
    return found if len(found) <= _LONGEST_ID else ""


def number(value: Json, key: str) -> float:
    """Give a finite number, written as such or as text; 0 where there is none."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return 0.0
    try:
        read = float(found)
    except (ValueError, OverflowError):
        return 0.0
    return read if math.isfinite(read) else 0.0


def moment(value: Json, key: str = "timestamp") -> int:
    """Give a time in ms, from seconds as text or integer; 0 where there is none."""
    seconds = number(value, key)
    return int(seconds) * 1000 if 0 < seconds < _LATEST else 0

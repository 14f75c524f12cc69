"""Phone numbers as people write them, in E.164."""

import re
import unicodedata

import phonenumbers

_EXTENSION = re.compile(r"[;,#]|ext|[xpw]", re.IGNORECASE)
_WRITTEN = re.compile(r"\+?[0-9\s().\-/·‐-―−]+")
_LONGEST = 64


def e164(text: str, region: str = "") -> str:
    """Give a number with ``+`` and country code; empty for a text that is no number.

    Digits of any script are read; an extension is left out.

    Args:
        region: where a number without a country code is from (ISO 3166); empty where nobody knows.
    """
    if len(text) > _LONGEST:
        return ""
    plain = "".join(
        str(unicodedata.digit(character)) if character.isdecimal() else character
        for character in text.replace("＋", "+")
        if unicodedata.category(character) != "Cf"
    ).strip()
    plain = _EXTENSION.split(plain.removeprefix("tel:"), maxsplit=1)[0].strip()
    if not _WRITTEN.fullmatch(plain):
        return ""
    if not region and plain.startswith("00"):
        plain = "+" + plain[2:]
    try:
        number = phonenumbers.parse(plain, region.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_region(region: str) -> bool:
    """Tell whether a region is known, so that its numbers can be read."""
    return region.upper() in phonenumbers.SUPPORTED_REGIONS

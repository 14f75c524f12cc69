"""Understands a record's body: text, media, poll, place, call, contact or what is left of it."""

import functools
import re
from typing import Final

import msgspec

from fallback.core.events import Location, MediaKind, Poll, PollOption
from fallback.networks.whatsapp.dialects import fold, frames, tokens, words

_MARK: Final = "\u200e\u200f"
_LEAD: Final = "[\u200e\u200f\u202a-\u202e]*"
_MAPS: Final = re.compile(
    rf"{_LEAD}[^\n:：]{{2,40}}? ?[:：] ?https?://(?:maps\.google\.com/|www\.google\.com/maps)[^\s]{{0,40}}?"
    r"q=(-?[0-9]{1,3}(?:\.[0-9]{1,20})?),(-?[0-9]{1,3}(?:\.[0-9]{1,20})?)\s*"
)
_VENUE: Final = re.compile(
    rf"{_LEAD}([^\n]{{1,120}})\n([^\n]{{0,200}}\n)?https://foursquare\.com/v/[0-9a-f]+\s*"
    rf"|{_LEAD}([^\n]{{1,200}}?)(?: \(([^\n]{{0,200}})\))?: https://foursquare\.com/v/[0-9a-f]+\s*"
)
_VOTES: Final = re.compile(r"[(（](?:[^()（）\d]{0,20} ?)?(\d{1,6})(?: ?[^()（）\d]{1,20})?[)）]$")
_POLL_LINE: Final = re.compile(r"([^\n:：]{2,30}) ?[:：]\s?(.+)")
_FILE: Final = r"[^\n<>]{1,250}?\.[A-Za-z0-9]{1,10}"
_ANDROID_NAMED: Final = re.compile(
    rf"{_LEAD}((?:IMG|VID|PTT|AUD|STK|DOC)-\d{{8}}-WA\d{{4}}\.\w{{1,8}}) \(([^()\n]{{3,60}})\)"
)
_ATTACHED_TAIL: Final = re.compile(rf"{_LEAD}({_FILE}) \(([^()\n]{{3,60}})\)")
_ATTACHED_BARE: Final = re.compile(r"(?:[\u200e\u200f]([^\n<>]{1,250}?)|[^\s<>]{1,250}?) \(([^()\n]{3,60})\)")
_IOS_BEFORE: Final = re.compile(
    rf"<\s?([^<>:：\n]{{2,40}}?)\s?[:：]\s?({_FILE}|[0-9]{{8}}-[^\n<>]{{1,250}}?)\s?>\s*$"
)
_IOS_AFTER: Final = re.compile(rf"<({_FILE}) ([^<>\n.]{{3,30}})>\s*$")
_IOS_2016: Final = re.compile(rf"({_FILE}) <{_LEAD}([^<>\n:]{{3,30}})>\s*$")
_IOS_ALONE: Final = re.compile(r"[\u200e\u200f]<([^<>:\n]{2,40}): ([A-Za-z0-9-]{1,64}\.[a-z0-9]{2,5})>")
_ANDROID_ALONE: Final = re.compile(
    r"\u200e?([A-Z]{3}-[0-9]{8}-WA[0-9]{4}\.[a-z0-9]{2,5}) \(([^()\n]{3,60})\)"
)
_MAY_BE_FILE: Final = re.compile(r"\.[A-Za-z0-9]{2,8}(?:$|\s)")
_PAGES: Final = re.compile("^(.{1,250}?\\.\\w{1,10})?\\s?(?:•\\s?[\u200e\u200f]?[^•\n]{1,30})?\\s*$")
_EDITED: Final = re.compile(f"(?:^|\\s)[{_MARK}]?(<[^<>\n]{{3,60}}>)\\s*$")
_CALL: Final = re.compile(r"^(.{3,40}?)[,.] .{1,40}$")
_STAMPED: Final = re.compile(
    r"^[0-9]{8}-(PHOTO|VIDEO|AUDIO|STICKER|GIF|DOCUMENT)-|-(PHOTO|VIDEO|AUDIO|STICKER|GIF)-[0-9]"
)

_BY_PREFIX: Final = {
    "IMG": MediaKind.IMAGE, "VID": MediaKind.VIDEO, "PTT": MediaKind.VOICE, "AUD": MediaKind.AUDIO,
    "STK": MediaKind.STICKER, "DOC": MediaKind.DOCUMENT, "PHOTO": MediaKind.IMAGE, "VIDEO": MediaKind.VIDEO,
    "AUDIO": MediaKind.VOICE, "STICKER": MediaKind.STICKER, "GIF": MediaKind.GIF, "DOCUMENT": MediaKind.DOCUMENT,
}  # fmt: skip
_BY_SUFFIX: Final = {
    "jpg": MediaKind.IMAGE, "jpeg": MediaKind.IMAGE, "png": MediaKind.IMAGE, "heic": MediaKind.IMAGE,
    "mp4": MediaKind.VIDEO, "mov": MediaKind.VIDEO, "3gp": MediaKind.VIDEO, "opus": MediaKind.VOICE,
    "ogg": MediaKind.VOICE, "m4a": MediaKind.AUDIO, "mp3": MediaKind.AUDIO, "aac": MediaKind.AUDIO,
    "amr": MediaKind.VOICE, "webp": MediaKind.STICKER, "gif": MediaKind.GIF, "vcf": MediaKind.CONTACT,
}  # fmt: skip


class Body(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A body understood.

    Args:
        kind: ``text media system deleted poll location contact call``.
        text: what a person typed; the app's own sentence for a system line or call.
        attachment: the file's name, empty where there is none or it was left out.
        omitted: the file stayed on the phone.
        mine: the wording tells that the exporter wrote it ("You deleted this message").
    """

    kind: str
    text: str = ""
    attachment: str = ""
    media: MediaKind | None = None
    omitted: bool = False
    edited: bool = False
    location: Location | None = None
    poll: Poll | None = None
    view_once: bool = False
    mine: bool = False
    languages: frozenset[str] = frozenset()


def media_kind(filename: str) -> MediaKind:
    """Tell what a file is by the name that WhatsApp gave it."""
    stamped = _STAMPED.search(filename)
    prefix = (stamped[1] or stamped[2]) if stamped else filename.partition("-")[0]
    suffix = filename.rpartition(".")[2].lower()
    if suffix == "vcf":
        return MediaKind.CONTACT
    if prefix in _BY_PREFIX and ("-WA" in filename or stamped):
        return _BY_PREFIX[prefix]
    return _BY_SUFFIX.get(suffix, MediaKind.DOCUMENT)


def understand(text: str, extra: frozenset[str] = frozenset()) -> Body | None:
    """Read a body that the app may have written; ``None`` for what a person typed.

    Args:
        text: decoded, line ends as ``\\n``, marks still in it.
        extra: folded wordings in angle brackets that this file repeats: left-out media of unknown languages.
    """
    if "://" in text and (place := _location(text)) is not None:
        return place
    line, _, rest = text.partition("\n")
    bare = line.strip()
    if len(bare) <= 160:
        token = tokens().get(fold(bare))
        if token is not None and (token.role == "omitted" or not rest.strip()):
            return _token(token.role, token.media, bare, rest, token.languages)
        if len(bare) > 4 and bare[0] == "<" and bare[-1] == ">" and fold(bare) in extra:
            return Body("media", rest.strip("\n"), omitted=True, media=MediaKind.DOCUMENT)
    if rest and bare[-1:] in (":", "：") and (poll := _poll(text)) is not None:
        return poll
    return _attached(text, line, rest) or _tail_token(text) or _deleted_by_admin(bare, rest)


def attached_alone(text: str) -> Body | None:
    """Read the two most common forms of a named file without the rest of the rules that ``understand`` tries."""
    match = _IOS_ALONE.fullmatch(text) or _ANDROID_ALONE.fullmatch(text)
    if match is None:
        return None
    known = _attached_words() if text[-1] == ">" else _tails()
    word = match[1] if text[-1] == ">" else f"({match[2]})"
    if word not in known:
        return None
    return _file(match[2] if text[-1] == ">" else match[1], "")


def _token(
    role: str, media: MediaKind | None, line: str, rest: str, languages: frozenset[str]
) -> Body | None:
    match role:
        case "omitted":
            if media is MediaKind.CONTACT:
                return Body("contact", rest.strip("\n"), media=media, omitted=True, languages=languages)
            once = "once" in line.lower()
            found = media or _guess_omitted(line)
            return Body(
                "media", rest.strip("\n"), media=found, omitted=True, view_once=once, languages=languages
            )
        case "deleted" | "you_deleted":
            return Body("deleted", mine=role == "you_deleted", languages=languages)
        case "missed_call":
            return Body("call", fold_keep(line), languages=languages)
        case "view_once":
            return Body("media", omitted=True, view_once=True, media=MediaKind.IMAGE, languages=languages)
        case "live_location":
            place = Location(0.0, 0.0, live=True)
            return Body("location", fold_keep(line), location=place, languages=languages)
        case "waiting":
            return Body("text", fold_keep(line), languages=languages)
        case _:
            return None


def fold_keep(text: str) -> str:
    """Drop marks of direction, keep all else."""
    return text.replace("\u200e", "").replace("\u200f", "").strip()


def _guess_omitted(line: str) -> MediaKind:
    lower = line.lower()
    if "audio" in lower or "voice" in lower:
        return MediaKind.VOICE
    return MediaKind.VIDEO if "video" in lower else MediaKind.IMAGE


def _file(name: str, caption: str) -> Body:
    name = fold_keep(name)
    kind = media_kind(name)
    label = "contact" if kind is MediaKind.CONTACT else "media"
    return Body(label, caption, attachment=name, media=kind)


def _attached(text: str, line: str, rest: str) -> Body | None:
    match = _ANDROID_NAMED.fullmatch(line.rstrip())
    if match:
        return _file(match[1], rest.strip("\n"))
    if line.rstrip().endswith(")"):
        match = _ATTACHED_TAIL.fullmatch(line.rstrip())
        if match and f"({fold(match[2])})" in _tails():
            return _file(match[1], rest.strip("\n"))
        match = _ATTACHED_BARE.fullmatch(line.rstrip())
        if match and f"({fold(match[2])})" in _tails():
            return _file(match[1] or line[: match.start(2) - 2], rest.strip("\n"))
    if 3 < len(line) < 320 and _MAY_BE_FILE.search(line):
        bare = fold_keep(line)
        for before, after, _ in _wordless():
            if (
                bare.startswith(before)
                and bare.endswith(after.rstrip())
                and re.search(r"\.\w{1,8}$", bare[len(before) : len(bare) - len(after)])
            ):
                return _file(bare[len(before) : len(bare) - len(after)].strip(), rest.strip("\n"))
    if text.rstrip().endswith(">"):
        return _ios(text)
    if rest and line.rstrip().endswith(">") and (found := _ios(line)) is not None and not found.text:
        return msgspec.structs.replace(found, text=rest.strip("\n"))
    return None


@functools.cache
def _tails() -> frozenset[str]:
    return frozenset(fold(after.strip()) for before, after, _ in frames("attached") if not before)


@functools.cache
def _wordless() -> list[tuple[str, str, str]]:
    """Give the wordings without brackets (Persian before the name, Tamil after it)."""
    return [f for f in frames("attached") if "(" not in f[1]]


def _ios(text: str) -> Body | None:
    last = text[-400:]
    start = len(text) - len(last)
    match = _IOS_BEFORE.search(last)
    if match is None or not _token_word(match[1], last[: match.start()], match[2]):
        match = _IOS_AFTER.search(last)
        if match is not None and (last[: match.start()][-1:] not in _MARK or not last[: match.start()][-1:]):
            match = match if match[2] == "eklendi" else None
        if match is not None:
            return _captioned(text[: start + match.start()], match[1])
        match = _IOS_2016.search(last)
        if match is None or fold(match[2]) not in words("ios_attached_2016") | {"attached"}:
            return None
        return _captioned(text[: start + match.start()], match[1])
    return _captioned(text[: start + match.start()], match[2])


def _token_word(word: str, before: str, filename: str) -> bool:
    """Say whether the word in ``<word: file>`` is the app's: known, or marked, or before a numbered file."""
    if fold(word) in _attached_words():
        return True
    return before[-1:] in _MARK and bool(before) and bool(re.match(r"[0-9]{8}-", filename))


@functools.cache
def _attached_words() -> frozenset[str]:
    return frozenset(fold(f[0].strip("< :：")) for f in frames("ios_attached"))


def _captioned(before: str, filename: str) -> Body:
    caption = before.rstrip(_MARK + " \n")
    if filename.lower().rpartition(".")[2] not in _BY_SUFFIX or "•" in caption:
        plain = fold_keep(caption)
        name = re.sub(r"^[0-9]{8}-", "", filename)
        if plain == name or plain.startswith(f"{name} •"):
            caption = ""
    return _file(filename, caption.strip("\u200e\u200f"))


def _tail_token(text: str) -> Body | None:
    """Read ``caption <mark>document omitted``: the last marked part is a token."""
    at = max(text.rfind("\u200e"), text.rfind("\u200f"))
    if at <= 0 or len(text) - at > 160:
        return _call(text)
    token = tokens().get(fold(text[at:]))
    if token is None or token.role != "omitted":
        return _call(text)
    before = text[:at].rstrip(_MARK + " ")
    name = ""
    if token.media is MediaKind.DOCUMENT:
        match = _PAGES.match(before)
        if match and match[1]:
            name, before = fold_keep(match[1]), ""
    kind = "contact" if token.media is MediaKind.CONTACT else "media"
    return Body(kind, before, attachment=name, media=token.media, omitted=True, languages=token.languages)


def _call(text: str) -> Body | None:
    """Read ``Voice call, <mark>5 min``."""
    if text[:1] not in _MARK or not text or len(text) > 90:
        return None
    match = _CALL.match(fold(text))
    token = tokens().get(match[1]) if match else None
    if token is not None and token.role == "missed_call":
        return Body("call", fold_keep(text), languages=token.languages)
    return None


def _location(text: str) -> Body | None:
    if "://" not in text or len(text) > 600:
        return None
    match = _MAPS.fullmatch(text)
    if match:
        latitude, longitude = float(match[1]), float(match[2])
        if abs(latitude) > 90 or abs(longitude) > 180:
            return None
        return Body("location", fold_keep(text), location=Location(latitude, longitude))
    match = _VENUE.fullmatch(text)
    if match:
        name = fold_keep(match[1] or match[3])
        address = fold_keep(match[2] or match[4] or "")
        return Body("location", fold_keep(text), location=Location(0.0, 0.0, name, address))
    return None


def _poll(text: str) -> Body | None:
    """Read a poll by its structure: a heading with a colon, a question, and lines that end with a count."""
    lines = [fold_keep(line) for line in text.strip("\n").split("\n", 40)]
    if len(lines) < 3 or not lines[0].endswith((":", "：")) or len(lines[0]) > 30:
        return None
    head = lines[0].rstrip(":： ")
    first = next((i for i, line in enumerate(lines) if i > 1 and _option(line)), 0)
    if not first:
        return None
    parsed = [_option(line) for line in lines[first:] if line]
    if not all(parsed) or len(parsed) < 1:
        return None
    known = fold(lines[0]).rstrip(": ") in _poll_heads()
    if not known and not (head.isupper() and len(parsed) >= 2):
        return None
    options = tuple(o for o in parsed if o is not None)
    question = "\n".join(lines[1:first])
    return Body("poll", "\n".join(lines).strip("\n"), poll=Poll(question, options))


@functools.cache
def _poll_heads() -> frozenset[str]:
    return frozenset(word.rstrip(": ") for word in words("poll"))


def _option(line: str) -> PollOption | None:
    votes = _VOTES.search(line)
    match = _POLL_LINE.match(line)
    if votes is None or match is None:
        return None
    return PollOption(line[match.start(2) : votes.start()].strip(), int(votes[1]))


def _deleted_by_admin(bare: str, rest: str) -> Body | None:
    if rest.strip() or len(bare) > 200:
        return None
    line = fold(bare)
    for before, after, language in _admin_frames():
        if line.startswith(before) and line.endswith(after) and len(line) > len(before) + len(after):
            return Body("deleted", languages=frozenset({language}))
    return None


@functools.cache
def _admin_frames() -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (b, fold(a) if a.strip() else "", c) for b, a, c in frames("deleted_by_admin") if len(b) + len(a) > 10
    )


def known_edited(text: str) -> str | None:
    """Give a text without its "edited" marker; ``None`` where it has none of a known wording."""
    text = text.rstrip()
    at = text.rfind("<", max(0, len(text) - 80))
    if at > 0 and text[at - 1] in " \n\u200e\u200f" and _says_edited(text[at:]):
        return text[:at].rstrip("\u200e\u200f").rstrip(" \n")
    return None


@functools.lru_cache(256)
def _says_edited(marker: str) -> bool:
    return fold(marker) in words("edited")


def take_edited(text: str, extra: frozenset[str] = frozenset()) -> tuple[str, bool]:
    """Part a text from its "edited" marker.

    Returns:
        The text without the marker, and whether there was one.
    """
    stripped = text.rstrip()
    if not stripped.endswith(">"):
        return text, False
    known = known_edited(text)
    if known is not None:
        return known, True
    tail = stripped[-80:]
    match = _EDITED.search(tail)
    if match is None:
        return text, False
    marker = fold(match[1])
    marked = tail[match.start(1) - 1 : match.start(1)] in ("\u200e", "\u200f")
    if marker in extra or (marked and ":" not in marker):
        return stripped[: len(stripped) - len(tail) + match.start()], True
    return text, False

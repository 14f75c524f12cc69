"""Matrix events as canonical events (pure); whatever is malformed becomes nothing, never an exception."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.json import encode

from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    GroupChange,
    Identity,
    Location,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Redaction,
    Setting,
    Vote,
)
from fallback.core.ids import ChatId, SourceId
from fallback.core.markup import from_html
from fallback.core.roster import is_ghost
from fallback.matrix.convert import (
    EDITED,
    EDITED_HTML,
    FORWARDED,
    POLL_RESPONSE,
    POLL_START,
    PROFILE,
    SOURCE,
    TOPIC,
    VOTES,
    identity_of,
    person_html,
)
from fallback.text import sanitise, sanitise_name

_KINDS = {
    "m.image": MediaKind.IMAGE,
    "m.video": MediaKind.VIDEO,
    "m.audio": MediaKind.AUDIO,
    "m.file": MediaKind.DOCUMENT,
}
_LONGEST = 65_536
_FORWARDED_HTML = re.compile(r"<p data-mx-forwarded-notice[^>]{0,20}>[^\n]{0,80}?</p>")
_PILL = re.compile(r"(<a\s[^<>]{0,40}href=[\"']https://matrix\.to/#/(?:@|%40)[^<>]{0,300}>)(?!@)")


def from_event(
    raw: Mapping[str, Any], room: str, names: Mapping[str, str], *, relay: str = ""
) -> Canonical | None:
    """Read one timeline event.

    Args:
        raw: the event's JSON as the client API gives it (decrypted).
        names: display names of the room's members by user id, sanitised.
        relay: whose messages may be other people's words, as ``convert.as_person`` writes them: our relay or ourselves.

    Returns:
        ``None`` for what has no place in a conversation, and for anything malformed.
    """
    try:
        return _read(raw, room, names, relay)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None


def said(content: Mapping[str, Any]) -> str:
    """Give the text of a message's body without the marks that ``convert`` puts round it; not sanitised."""
    body = str(content.get("body", ""))
    body = "" if body == FORWARDED else body.removeprefix(f"{FORWARDED}\n\n")
    source = content.get(SOURCE)
    edited = isinstance(source, dict) and source.get("edited") is True
    return body.removesuffix(EDITED) if edited else body


def _read(raw: Mapping[str, Any], room: str, names: Mapping[str, str], relay: str) -> Canonical | None:
    content: Mapping[str, Any] = raw["content"]
    sender = str(raw["sender"])
    told = content.get(SOURCE)
    trusted = is_ghost(sender) or (sender == relay != "")
    source: Mapping[str, Any] = told if trusted and isinstance(told, dict) else {}
    person, content = _as_said(content) if sender == relay else (None, content)
    base: dict[str, Any] = {
        "id": SourceId(str(raw["event_id"])),
        "chat": ChatId(room),
        "sender": person or identity_of(sender, names),
        "at": int(raw.get("origin_server_ts", 0)),
        "origin": Origin.MATRIX,
        "relayed": Origin(source["network"]) if source else None,
        "late": source.get("late") is True,
        "transaction": str((raw.get("unsigned") or {}).get("transaction_id", "")),
    }
    match raw["type"]:
        case "m.room.message" | "m.sticker" | "org.matrix.msc3381.poll.start" | "m.poll.start":
            relation = _relation(content)
            if relation.get("rel_type") == "m.replace":
                new = content["m.new_content"]
                return Edit(**base, target=SourceId(str(relation["event_id"])), text=_text(new))
            return _message(raw["type"], content, base, source, names)
        case "m.reaction":
            relation = _relation(content)
            return Reaction(
                **base,
                target=SourceId(str(relation["event_id"])),
                key=sanitise_name(str(relation["key"]), 32),
            )
        case "m.room.redaction":
            target = str(raw.get("redacts") or content["redacts"])
            return Redaction(**base, target=SourceId(target), reason=sanitise(str(content.get("reason", ""))))
        case "org.matrix.msc3381.poll.response" | "m.poll.response":
            answers = content[POLL_RESPONSE]["answers"]
            return Vote(
                **base,
                target=SourceId(str(_relation(content)["event_id"])),
                options=tuple(sanitise_name(str(answer)) for answer in answers[:20]),
            )
        case "m.room.member":
            return _membership(raw, base, names)
        case "m.room.name":
            return GroupChange(
                **base, setting=Setting.SUBJECT, value=sanitise_name(str(content.get("name", "")))
            )
        case "m.room.topic":
            return GroupChange(
                **base, setting=Setting.DESCRIPTION, value=sanitise(str(content.get("topic", "")))
            )
        case "m.room.encrypted":
            return Notice(**base, text="🔒", topic="undecryptable")
        case _:
            return None


def _as_said(content: Mapping[str, Any]) -> tuple[Identity | None, Mapping[str, Any]]:
    """Take off what ``as_person`` put on; gives who spoke, if it was on somebody's behalf."""
    profile = content.get(PROFILE)
    name = str(profile.get("displayname", "")) if isinstance(profile, dict) else ""
    shown = sanitise_name(name)
    if not shown:
        return None, content
    plain = dict(content)
    body, html, start = (content.get(key) for key in ("body", "formatted_body", POLL_START))
    if body == f"{name}:":
        plain["body"] = content.get("filename", "")
    elif isinstance(body, str):
        plain["body"] = body.removeprefix(f"{name}: ")
    if isinstance(html, str):
        plain["formatted_body"] = html.removeprefix(person_html(name))
    if isinstance(content.get("m.new_content"), dict):
        plain["m.new_content"] = _as_said(content["m.new_content"])[1]
    if isinstance(start, dict):
        question = _plain(start["question"]).removeprefix(f"{name}: ")
        plain[POLL_START] = {**start, "question": {"body": question}}
    return Identity(name=shown), plain


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def _text(content: Mapping[str, Any]) -> str:
    if content.get("format") == "org.matrix.custom.html" and isinstance(content.get("formatted_body"), str):
        html = _FORWARDED_HTML.sub("", content["formatted_body"][:_LONGEST], count=1)
        return sanitise(from_html(_PILL.sub(r"\1@", html.removesuffix(EDITED_HTML))))
    return sanitise(said(content)[:_LONGEST])


def _message(
    kind: str,
    content: Mapping[str, Any],
    base: dict[str, Any],
    source: Mapping[str, Any],
    names: Mapping[str, str],
) -> Canonical | None:
    if not content:  # a redacted one comes back empty
        return Message(**base, deleted=True)
    reply = (_relation(content).get("m.in_reply_to") or {}).get("event_id")
    mentions = content.get("m.mentions") or {}
    users = tuple(identity_of(str(user), names) for user in mentions.get("user_ids", ()))
    marked = str(content.get("body", "")).startswith(FORWARDED)
    common: dict[str, Any] = {
        **base,
        "reply_to": SourceId(str(reply)) if reply else None,
        "mentions": users,
        "mentions_all": mentions.get("room") is True,
        "edited": source.get("edited") is True,
        "forwarded": source.get("forwarded") is True or marked,
    }
    if source.get("deleted") is True:
        return Message(**common, deleted=True)
    if kind in (POLL_START, "m.poll.start"):
        return Message(**common, poll=_poll(content))
    msgtype = content.get("msgtype", "")
    if kind == "m.sticker" or msgtype in _KINDS:
        file = _attachment(kind, content)
        caption = _text(content) if content.get("body") != file.filename and content.get("filename") else ""
        return Message(**common, text=caption, attachment=file)
    if msgtype == "m.location":
        return Message(**common, location=_location(content))
    if msgtype == "m.notice":
        return Notice(**base, text=_text(content), topic=sanitise_name(str(content.get(TOPIC, "")), 32))
    return Message(**common, text=("* " if msgtype == "m.emote" else "") + _text(content))


def _attachment(kind: str, content: Mapping[str, Any]) -> Attachment:
    info = content.get("info") or {}
    what = MediaKind.STICKER if kind == "m.sticker" else _KINDS[content["msgtype"]]
    if what is MediaKind.AUDIO and "org.matrix.msc3245.voice" in content:
        what = MediaKind.VOICE
    if what is MediaKind.VIDEO and info.get("fi.mau.gif") is True:
        what = MediaKind.GIF
    if info.get("mimetype") == "text/vcard":
        what = MediaKind.CONTACT
    sound = content.get("org.matrix.msc1767.audio") or {}
    source, keys = _place(content, "")
    return Attachment(
        kind=what,
        filename=sanitise_name(str(content.get("filename") or content.get("body", ""))),
        source=source,
        mimetype=sanitise_name(str(info.get("mimetype", ""))),
        size=_number(info.get("size")),
        width=_number(info.get("w")),
        height=_number(info.get("h")),
        duration_ms=_number(info.get("duration") or sound.get("duration")),
        waveform=tuple(_number(step) for step in (sound.get("waveform") or ())[:256]),
        keys=keys,
        thumbnail=_thumbnail(info),
    )


def _thumbnail(info: Mapping[str, Any]) -> Attachment | None:
    source, keys = _place(info, "thumbnail_")
    about = info.get("thumbnail_info") or {}
    if not source:
        return None
    return Attachment(
        kind=MediaKind.IMAGE,
        source=source,
        mimetype=sanitise_name(str(about.get("mimetype", ""))),
        size=_number(about.get("size")),
        width=_number(about.get("w")),
        height=_number(about.get("h")),
        keys=keys,
    )


def _place(content: Mapping[str, Any], prefix: str) -> tuple[str, str]:
    """Give where the bytes are, and the keys that open them where they are encrypted."""
    file = content.get(f"{prefix}file")
    if not isinstance(file, dict):
        return str(content.get(f"{prefix}url") or ""), ""
    return str(file["url"]), encode({name: part for name, part in file.items() if name != "url"}).decode()


def _number(value: Any) -> int:
    return max(0, min(int(value), 2**53)) if isinstance(value, int | float) and value == value else 0  # noqa: PLR0124


def _location(content: Mapping[str, Any]) -> Location:
    latitude, longitude = str(content["geo_uri"]).removeprefix("geo:").split(";")[0].split(",")[:2]
    body = sanitise(str(content.get("body", "")))
    live = body.startswith("Live location: ")
    name = body.removeprefix("Live location: " if live else "Location: ").split("\nhttps://")[0]
    name = "" if name.startswith("https://") else name
    return Location(float(latitude), float(longitude), name=name, live=live)


def _poll(content: Mapping[str, Any]) -> Poll:
    start = content.get(POLL_START) or content["m.poll"]
    votes = content.get(VOTES) or {}
    options = tuple(
        PollOption(_plain(answer), _number(votes.get(answer.get("id"))), str(answer.get("id", "")))
        for answer in start["answers"][:20]
    )
    question = _plain(start["question"])
    question = question.rpartition("\n")[0] if votes else question
    return Poll(question, options, _number(start.get("max_selections", 1)))


def _plain(value: Mapping[str, Any]) -> str:
    text = value.get("org.matrix.msc1767.text") or value.get("body") or value["m.text"][0]["body"]
    return sanitise(str(text)[:1000])


def _membership(raw: Mapping[str, Any], base: dict[str, Any], names: Mapping[str, str]) -> Canonical | None:
    now = raw["content"].get("membership")
    before = ((raw.get("unsigned") or {}).get("prev_content") or {}).get("membership")
    user = str(raw["state_key"])
    if now == before:
        return None
    change = {
        "join": MembershipChange.ADDED,
        "invite": MembershipChange.INVITED,
        "leave": MembershipChange.LEFT if user == raw["sender"] else MembershipChange.REMOVED,
        "ban": MembershipChange.REMOVED,
    }.get(str(now))
    who = names.get(user) or sanitise_name(str(raw["content"].get("displayname") or ""))
    return Membership(**base, change=change, members=(Identity(mxid=user, name=who),)) if change else None

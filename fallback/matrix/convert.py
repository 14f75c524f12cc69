"""Canonical events as Matrix event content and back (pure); shapes as mautrix-whatsapp and Element write them."""

import hashlib
import re
from collections.abc import Mapping
from html import escape
from typing import Any, assert_never
from urllib.parse import quote

from msgspec.json import decode

from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    GroupChange,
    Identity,
    Location,
    MediaKind,
    Membership,
    Message,
    Notice,
    Origin,
    Poll,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.importing import end_of
from fallback.core.markup import to_html
from fallback.errors import PermanentError
from fallback.text import sanitise_name

SOURCE = "dev.fallback.source"
"""Our key in event content: where and when it was first said; survives the loss of our own store."""
TOPIC = "dev.fallback.topic"
"""Our key in a notice: what it is about, so that a client can act on it."""
PROFILE = "com.beeper.per_message_profile"
"""Who speaks, where one account speaks on behalf of many (MSC4144)."""
POLL_START = "org.matrix.msc3381.poll.start"
POLL_RESPONSE = "org.matrix.msc3381.poll.response"
POLL_END = "org.matrix.msc3381.poll.end"
VOTES = "dev.fallback.votes"
"""Our key in a poll: the votes that an export tells, by answer."""
FORWARDED = "↷ Forwarded"
FORWARDED_HTML = f"<p data-mx-forwarded-notice><em>{FORWARDED}</em></p>"
EDITED = " (edited)"
EDITED_HTML = f"<em data-fallback-edited>{EDITED}</em>"
_TEXT = "org.matrix.msc1767.text"
_MSGTYPE = {
    MediaKind.IMAGE: "m.image",
    MediaKind.VIDEO: "m.video",
    MediaKind.GIF: "m.video",
    MediaKind.AUDIO: "m.audio",
    MediaKind.VOICE: "m.audio",
    MediaKind.DOCUMENT: "m.file",
    MediaKind.CONTACT: "m.file",
    MediaKind.STICKER: "m.image",
}

Content = dict[str, Any]


def to_content(event: Canonical) -> tuple[str, Content]:
    """Write an event as Matrix type and content; ids that it points to are Matrix event ids already.

    Raises:
        PermanentError: a kind that is not sent as an event of its own (redactions, receipts).
    """
    match event:
        case Message():
            kind, content = _message(event)
        case Edit():
            kind, content = "m.room.message", _edit(event)
        case Reaction():
            relation = {"rel_type": "m.annotation", "event_id": event.target, "key": event.key}
            kind, content = "m.reaction", {"m.relates_to": relation}
        case Vote():
            answers = [option_id(option) for option in event.options]
            relation = {"rel_type": "m.reference", "event_id": event.target}
            kind, content = POLL_RESPONSE, {POLL_RESPONSE: {"answers": answers}, "m.relates_to": relation}
        case Membership() | GroupChange() | Notice():
            kind, content = "m.room.message", {"msgtype": "m.notice", **_body(event.text), "m.mentions": {}}
            if isinstance(event, Notice) and event.topic:
                content[TOPIC] = event.topic
        case Redaction() | Receipt():
            raise PermanentError(f"a {type(event).__name__.lower()} is no event of its own")
        case _:
            assert_never(event)
    if event.origin is not Origin.MATRIX:
        content[SOURCE] = _source(event)
    return kind, content


def option_id(text: str) -> str:
    """Give the id of a poll's answer: the hash that WhatsApp itself votes with."""
    return hashlib.sha256(text.encode()).hexdigest()


def poll_end(event: Message, target: str) -> tuple[str, Content]:
    """Close a poll that was brought, with its results in words: nobody knows whose the votes were.

    Raises:
        PermanentError: it is no poll.
    """
    if event.poll is None:
        raise PermanentError("only a poll can be closed")
    text = f"{event.poll.question}\n{results(event.poll)}"
    relation = {"rel_type": "m.reference", "event_id": target}
    source = _source(event) | {"id": end_of(event.id)}
    body = {"body": text, _TEXT: text, "m.relates_to": relation, "m.mentions": {}, SOURCE: source}
    return POLL_END, {POLL_END: {}, **body}


def results(poll: Poll) -> str:
    """Say the votes that an export tells, in one line."""
    return "WhatsApp: " + " · ".join(f"{option.text} {option.votes}" for option in poll.options)


def _source(event: Canonical) -> Content:
    source: Content = {"id": event.id, "network": event.origin.value, "at": event.at}
    if isinstance(event, Message):
        flags = {
            "edited": event.edited,
            "deleted": event.deleted,
            "forwarded": event.forwarded,
            "left_out": event.attachment is not None and not event.attachment.source,
        }
        source |= {name: True for name, value in flags.items() if value}
    return source | ({"late": True} if event.late else {})


def _body(text: str, mentions: tuple[Identity, ...] = ()) -> Content:
    plain = escape(text, quote=False).replace("\n", "<br>")
    formatted = _pills(to_html(text) or plain, mentions)
    if formatted == plain:
        return {"body": text}
    return {"body": text, "format": "org.matrix.custom.html", "formatted_body": formatted}


def _pills(html: str, mentions: tuple[Identity, ...]) -> str:
    """Turn ``@name`` or ``@number`` of those who have an account into links that clients show as a person."""
    people = {
        escape(name, quote=False): one
        for one in mentions
        if one.mxid
        for name in (one.name, one.phone.removeprefix("+"), one.lid)
        if name
    }
    if not people:
        return html
    names = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True))

    def pill(found: re.Match[str]) -> str:
        one = people[found[1]]
        shown = escape(one.name, quote=False) or found[1]
        return f'<a href="https://matrix.to/#/{quote(one.mxid, safe="@:")}">@{shown}</a>'

    return re.sub(rf"(?<![\w/])@({names})(?!\w)", pill, html)


def _words(event: Message, text: str) -> Content:
    """Write a message's text or caption with the marks that tell what became of it."""
    content = _body(text, event.mentions)
    html = content.get("formatted_body") or escape(text, quote=False).replace("\n", "<br>")
    body = text
    if event.edited:
        body, html = body + EDITED, html + EDITED_HTML
    if event.forwarded:
        body, html = f"{FORWARDED}\n\n{body}".rstrip("\n"), FORWARDED_HTML + html
    if body == text:
        return content
    return {"body": body, "format": "org.matrix.custom.html", "formatted_body": html}


def _mentions(event: Message | Edit) -> Content:
    users = sorted({identity.mxid for identity in event.mentions if identity.mxid})
    mentions: Content = {"user_ids": users} if users else {}
    return mentions | ({"room": True} if isinstance(event, Message) and event.mentions_all else {})


def _message(event: Message) -> tuple[str, Content]:
    kind = "m.room.message"
    if event.deleted:
        content: Content = {"msgtype": "m.notice", "body": "🚫 This message was deleted"}
    elif event.poll is not None:
        kind, content = POLL_START, _poll(event.poll)
    elif event.location is not None:
        content = _location(event.location)
    elif event.attachment is None:
        content = {"msgtype": "m.text", **_words(event, event.text)}
    elif not event.attachment.source:
        left_out = f"📎 {event.attachment.kind.value} (not in the export)"
        content = {"msgtype": "m.notice", "body": f"{left_out}\n{event.text}".rstrip()}
    else:
        kind = "m.sticker" if event.attachment.kind is MediaKind.STICKER else kind
        content = _file(event.attachment)
        if event.text or event.forwarded:
            content |= _words(event, event.text)
    content["m.mentions"] = _mentions(event)
    if event.reply_to:
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": event.reply_to}}
    return kind, content


def _edit(event: Edit) -> Content:
    new = {"msgtype": "m.text", **_body(event.text, event.mentions), "m.mentions": _mentions(event)}
    return {
        **new,
        "body": f"* {event.text}",
        "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event.target},
    }


def _file(file: Attachment) -> Content:
    info = _info(file)
    if file.thumbnail is not None:
        place, where = _place(file.thumbnail)
        info |= {f"thumbnail_{place}": where, "thumbnail_info": _info(file.thumbnail)}
    info |= {"duration": file.duration_ms} if file.duration_ms else {}
    place, where = _place(file)
    content: Content = {place: where, "filename": file.filename, "info": info, "body": file.filename}
    if file.kind is not MediaKind.STICKER:
        content["msgtype"] = _MSGTYPE[file.kind]
    if file.kind is MediaKind.VOICE:
        content["org.matrix.msc1767.audio"] = {"duration": file.duration_ms, "waveform": list(file.waveform)}
        content["org.matrix.msc3245.voice"] = {}
    if file.kind is MediaKind.GIF:
        info |= {"fi.mau.gif": True, "fi.mau.loop": True, "fi.mau.autoplay": True, "fi.mau.no_audio": True}
    return content


def _info(file: Attachment) -> Content:
    info: Content = {"mimetype": file.mimetype or "application/octet-stream", "size": file.size}
    return info | ({"w": file.width, "h": file.height} if file.width and file.height else {})


def _place(file: Attachment) -> tuple[str, Any]:
    """Say where the bytes are: an address, or that with the keys to what is encrypted there."""
    return ("file", {**decode(file.keys), "url": file.source}) if file.keys else ("url", file.source)


def _location(place: Location) -> Content:
    label = "\n".join(part for part in (place.name, place.address) if part)
    address = f"https://maps.google.com/?q={place.latitude},{place.longitude}"
    what = "Live location" if place.live else "Location"
    return {
        "msgtype": "m.location",
        "geo_uri": f"geo:{place.latitude},{place.longitude}",
        "body": f"{what}: {label}\n{address}" if label else f"{what}: {address}",
    }


def _poll(poll: Poll) -> Content:
    votes = {option_id(option.text): option.votes for option in poll.options if option.votes}
    question = f"{poll.question}\n{results(poll)}" if votes else poll.question
    lines = "\n".join(f"{n}. {option.text}" for n, option in enumerate(poll.options, 1))
    content: Content = {
        "msgtype": "m.text",
        "body": f"{question}\n{lines}",
        _TEXT: f"{question}\n{lines}",
        POLL_START: {
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": poll.selectable or len(poll.options),
            "question": {_TEXT: question},
            "answers": [{"id": option_id(option.text), _TEXT: option.text} for option in poll.options],
        },
    }
    return content | ({VOTES: votes} if votes else {})


def identity_of(user: str, names: Mapping[str, str]) -> Identity:
    """Name a Matrix user by the room's member names."""
    return Identity(mxid=sanitise_name(user, 255), name=names.get(user, ""))


def as_person(content: Content, person: Identity) -> Content:
    """Say something for a person as one account: a profile for this message, and the name in the text.

    What has no text (a reaction, a vote) stays as it is.
    """
    if "body" not in content:
        return content
    name = sanitise_name(person.name or person.key)
    named: Content = {**content, **_prefixed(content, name)}
    if isinstance(content.get("m.new_content"), dict):
        named["m.new_content"] = as_person(content["m.new_content"], person)
        named["body"] = f"* {named['m.new_content']['body']}"
    if POLL_START in content:
        question = {_TEXT: f"{name}: {content[POLL_START]['question'][_TEXT]}"}
        named[POLL_START] = {**content[POLL_START], "question": question}
    number = hashlib.sha256(person.key.encode()).hexdigest()[:16]  # the key may be a telephone number
    named[PROFILE] = {"id": number, "displayname": name, "has_fallback": True}
    return named


def _prefixed(content: Content, name: str) -> Content:
    if content["body"] == content.get("filename"):
        return {"body": f"{name}:"}
    html = content.get("formatted_body")
    if html is None:
        html = escape(content["body"], quote=False).replace("\n", "<br>")
    body = f"{name}: {content['body']}"
    return {"body": body, "format": "org.matrix.custom.html", "formatted_body": person_html(name) + html}


def person_html(name: str) -> str:
    """Write the name before the text as clients that know profiles leave it out."""
    return f"<strong data-mx-profile-fallback>{escape(name, quote=False)}: </strong>"

"""What phones do, written as the values of Meta's webhooks, with the quirks that are documented."""

import base64
from typing import Any, assert_never

import msgspec

from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    GroupChange,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Reaction,
    Receipt,
    Redaction,
    Setting,
    Vote,
)

Value = dict[str, Any]


class Quirks(msgspec.Struct):
    """How payloads differ from one another.

    Args:
        integer_times: timestamps are numbers, not text.
        no_contacts: the names of the senders are left out.
        usernames: people have hidden their number: only their business-scoped user id is told.
        other_key: a status names its participant under the other of the two documented keys.
        unknown_fields: fields that no page describes.
    """

    integer_times: bool = False
    no_contacts: bool = False
    usernames: bool = False
    other_key: bool = False
    unknown_fields: bool = False


def values(event: Canonical, quirks: Quirks) -> list[Value]:
    """Write an event as changes of a webhook, each with its field; what Meta never tells gives none."""
    match event:
        case Membership() | GroupChange():
            field, group = _group(event)
            group |= {"group_id": event.chat, "timestamp": _time(event.at, quirks)}
            return [{"field": field, "value": {"groups": [group]}}]
        case Receipt() | Notice():
            return []
        case Message() | Edit() | Reaction() | Redaction() | Vote():
            message: Value = {
                "group_id": event.chat,
                "id": event.id,
                "timestamp": _time(event.at, quirks),
                **_sender(event.sender, quirks),
                **_said(event),
            }
            if quirks.unknown_fields:
                message["never_heard_of"] = {"deep": [1, None, {}]}
            value: Value = {"messages": [message]}
            if not quirks.no_contacts:
                value["contacts"] = [_contact(event.sender, quirks)]
            return [{"field": "messages", "value": value}]
        case _:
            assert_never(event)


def status(
    chat: str, wamid: str, what: str, quirks: Quirks, *, participant: str = "", ours: str = "", now: int = 0
) -> Value:
    """Write the status of a message that the business sent.

    Args:
        participant: number in E.164; empty where it concerns the whole group.
        ours: what the sender gave to recognise it by.
    """
    key = "participant_recipient_id" if quirks.other_key else "recipient_participant_id"
    told: Value = {
        "id": wamid,
        "status": what,
        "timestamp": _time(now, quirks),
        "recipient_id": chat,
        "recipient_type": "group",
    }
    if participant:
        told[key] = participant.removeprefix("+")
    if ours:
        told["biz_opaque_callback_data"] = ours
    return {"field": "messages", "value": {"statuses": [told]}}


def user_id(person: Identity) -> str:
    """Give a person's business-scoped user id."""
    digits = "".join(str(ord(character) % 10) for character in person.phone or person.name)
    return f"US.{digits:0<12}"


def _time(at: int, quirks: Quirks) -> int | str:
    return at // 1000 if quirks.integer_times else str(at // 1000)


def _sender(person: Identity, quirks: Quirks) -> Value:
    if quirks.usernames or not person.phone:
        return {"from_user_id": user_id(person)}
    return {"from": person.phone.removeprefix("+")}


def _contact(person: Identity, quirks: Quirks) -> Value:
    contact: Value = {"profile": {"name": person.name}}
    if quirks.usernames or not person.phone:
        return contact | {"user_id": user_id(person)}
    return contact | {"wa_id": person.phone.removeprefix("+")}


def _said(event: Message | Edit | Reaction | Redaction | Vote) -> Value:
    match event:
        case Message(attachment=file) if file is not None:
            return _around(event) | _file(event.text, file)
        case Message(location=place) if place is not None:
            where = {"latitude": place.latitude, "longitude": place.longitude, "name": place.name}
            return _around(event) | {"type": "location", "location": where}
        case Message(poll=poll) if poll is not None:
            error = {"code": 131051, "title": "Unsupported message type"}
            return {"type": "unsupported", "errors": [error]}
        case Message():
            return _around(event) | {"type": "text", "text": {"body": event.text}}
        case Edit():
            inner = {"type": "text", "text": {"body": event.text}}
            return {"type": "edit", "edit": {"original_message_id": event.target, "message": inner}}
        case Reaction():
            emoji = {"emoji": event.key} if event.key else {}
            return {"type": "reaction", "reaction": {"message_id": event.target, **emoji}}
        case Redaction():
            return {"type": "revoke", "revoke": {"original_message_id": event.target}}
        case Vote():
            return {"type": "unsupported", "errors": [{"code": 131051, "title": "Unsupported message type"}]}
        case _:
            assert_never(event)


def _around(event: Message) -> Value:
    context: Value = {"id": event.reply_to} if event.reply_to else {}
    if event.forwarded:
        context["forwarded"] = True
    return {"context": context} if context else {}


def _file(caption: str, file: Attachment) -> Value:
    kinds = {MediaKind.VOICE: "audio", MediaKind.GIF: "video", MediaKind.CONTACT: "document"}
    kind = kinds.get(file.kind, file.kind.value)
    described: Value = {"id": file.source, "mime_type": file.mimetype, "caption": caption}
    if file.kind is MediaKind.VOICE:
        described["voice"] = True
    if file.filename:
        described["filename"] = file.filename
    if file.sha256:
        described["sha256"] = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {"type": kind, kind: {name: value for name, value in described.items() if value}}


def _group(event: Membership | GroupChange) -> tuple[str, Value]:
    if isinstance(event, GroupChange):
        keys = {Setting.SUBJECT: "group_subject", Setting.DESCRIPTION: "group_description"}
        part = {"text": event.value, "update_successful": True}
        key = keys.get(event.setting, "profile_picture")
        return "group_settings_update", {"type": "group_settings_update", key: part}
    members = [
        {"wa_id": one.phone.removeprefix("+")} if one.phone else {"user_id": user_id(one)}
        for one in event.members
    ]
    if event.change in (MembershipChange.LEFT, MembershipChange.REMOVED):
        by = "participant" if event.change is MembershipChange.LEFT else "business"
        told: Value = {"removed_participants": members, "initiated_by": by}
        return "group_participants_update", {"type": "group_participants_remove", **told}
    told = {"added_participants": members, "reason": "invite_link"}
    return "group_participants_update", {"type": "group_participants_add", **told}

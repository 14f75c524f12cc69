"""Turns records into canonical events with stable ids."""

import hashlib
import mimetypes
import re
from collections import Counter
from datetime import tzinfo
from typing import Any, Final

from msgspec.structs import replace

from fallback.core.events import (
    Attachment,
    Canonical,
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
    Setting,
)
from fallback.core.ids import ChatId, SourceId
from fallback.networks.whatsapp.archive import Archive, ChatText
from fallback.networks.whatsapp.moments import Zone
from fallback.networks.whatsapp.people import identify
from fallback.networks.whatsapp.record import Record
from fallback.networks.whatsapp.systems import SystemLine
from fallback.text import sanitise, sanitise_name

_MENTION: Final = re.compile("@\u2068([^\u2068\u2069\n]{1,80})\u2069")
_NUMBER: Final = re.compile(r"(?<!\S)@([0-9]{8,15})(?![0-9])")
_WINDOW: Final = 8192
_CHANGES: Final = {
    "group_created": MembershipChange.CREATED,
    "member_added": MembershipChange.ADDED,
    "member_removed": MembershipChange.REMOVED,
    "member_left": MembershipChange.LEFT,
    "member_joined_link": MembershipChange.JOINED_BY_LINK,
    "number_changed": MembershipChange.NUMBER_CHANGED,
}
_TOPICS: Final = {"e2e_notice": "encryption", "security_code_changed": "security"}


class Converter:
    """Makes events of one chat's records, in their order.

    Args:
        me: the exporter's label, empty where unknown.
        seconds: the platform tells seconds.
    """

    def __init__(
        self, archive: Archive, text: ChatText, chat: ChatId, *, zone: tzinfo, me: str, seconds: bool
    ) -> None:
        self._archive = archive
        self._text = text
        self._chat = chat
        self._zone = Zone(zone)
        self._me = me
        self._keys = Keys(seconds=seconds)
        self._people: dict[str, Identity] = {}

    def event(self, record: Record) -> Canonical:
        """Make the event of the next record."""
        label = record.label or ""
        at = self._zone.to_utc(record.stamp) * 1000
        text = sanitise(record.text)
        body = record.special
        key = self._keys.key(record.stamp, label, text, body.attachment if body else "")
        if record.system is not None:
            return self._system(record.system, text, key, at)
        sender = self._people.get(label)
        if sender is None:
            sender = self._people[label] = identify(label, self._me)
        mentions: tuple[Identity, ...] = ()
        if "@" in text:
            text, mentions = self._mentions(text)
        if body is None:
            return Message(
                id=key,
                chat=self._chat,
                sender=sender,
                at=at,
                origin=Origin.EXPORT,
                text=text,
                mentions=mentions,
            )
        if body.kind == "call":
            return Notice(
                id=key, chat=self._chat, sender=sender, at=at, origin=Origin.EXPORT, text=text, topic="call"
            )
        return Message(
            id=key, chat=self._chat, sender=sender, at=at, origin=Origin.EXPORT,
            text="" if body.poll or (body.location and not body.location.live) else text,
            attachment=self._attachment(record), location=_place(body.location), poll=_poll(body.poll), mentions=mentions,
            edited=body.edited, deleted=body.kind == "deleted", view_once=body.view_once,
        )  # fmt: skip

    def _attachment(self, record: Record) -> Attachment | None:
        body = record.special
        if body is None or (not body.attachment and not body.omitted):
            return None
        kind = body.media or MediaKind.DOCUMENT
        source = "" if body.omitted else self._archive.find(body.attachment, self._text)
        kind_of_file = mimetypes.guess_type(body.attachment)[0] or ""
        if body.attachment.endswith(".opus"):
            kind_of_file = "audio/ogg"
        return Attachment(
            kind=kind,
            filename=sanitise_name(body.attachment),
            source=source,
            mimetype=kind_of_file if source else "",
            size=self._archive.media.get(source, 0) if source else 0,
        )

    def _mentions(self, text: str) -> tuple[str, tuple[Identity, ...]]:
        found = []

        def named(match: re.Match[str]) -> str:
            found.append(identify(match[1], self._me))
            return "@" + match[1].lstrip("~ \u202f\u00a0")

        text = _MENTION.sub(named, text)
        found += [Identity(phone=f"+{match[1]}") for match in _NUMBER.finditer(text)]
        return text, tuple(dict.fromkeys(found))

    def _system(self, said: SystemLine, text: str, key: SourceId, at: int) -> Canonical:
        actor = identify(said.actor, self._me) if said.actor else Identity()
        members = tuple(identify(m, self._me) for m in said.members)
        common: dict[str, Any] = {
            "id": key,
            "chat": self._chat,
            "sender": actor,
            "at": at,
            "origin": Origin.EXPORT,
            "text": text,
        }
        change = _CHANGES.get(said.kind)
        if said.kind == "admin_changed":
            lost = said.key in {"admin_no_more", "lost_admin", "admin_off_by"}
            change = MembershipChange.DEMOTED if lost else MembershipChange.PROMOTED
        if change is not None:
            if change is MembershipChange.NUMBER_CHANGED and said.value:
                members = (actor, identify(said.value))
            return Membership(change=change, members=members, **common)
        setting, value = _setting(said)
        if setting is not None:
            return GroupChange(setting=setting, value=sanitise(value), **common)
        return Notice(topic=_TOPICS.get(said.kind, said.kind), **common)


class Keys:
    """Stable keys: the same record of the same export has the same key at every reading.

    Args:
        seconds: the platform tells seconds.
    """

    def __init__(self, *, seconds: bool) -> None:
        self._step = 1 if seconds else 60
        self._now: Counter[bytes] = Counter()
        self._before: Counter[bytes] = Counter()

    def key(self, stamp: int, label: str, text: str, attachment: str) -> SourceId:
        """Give the key of the next record; identical ones in a row are numbered."""
        content = f"{stamp // self._step}\0{label}\0{' '.join(text.split())}\0{attachment}".encode(
            "utf-8", "replace"
        )
        digest = hashlib.blake2b(content, digest_size=10).digest()
        nth = self._now[digest] + self._before[digest]
        self._now[digest] += 1
        if len(self._now) >= _WINDOW:
            self._before, self._now = self._now, Counter()
        return SourceId(digest.hex() if nth == 0 else f"{digest.hex()}.{nth}")


def _setting(said: SystemLine) -> tuple[Setting | None, str]:
    match said.kind:
        case "subject_changed":
            return Setting.SUBJECT, said.value
        case "description_changed":
            return Setting.DESCRIPTION, ""
        case "icon_changed":
            return Setting.ICON, ""
        case "disappearing_changed":
            return Setting.DISAPPEARING, "off" if said.key == "disappearing_off" else said.value
        case "pinned":
            return Setting.PIN, ""
        case "settings_changed" if said.key in {"only_admins_send", "all_send"}:
            return Setting.ANNOUNCE_ONLY, "on" if said.key == "only_admins_send" else "off"
        case "settings_changed" if said.key in {"only_admins_edit", "all_edit"}:
            return Setting.EDIT_LOCKED, "on" if said.key == "only_admins_edit" else "off"
        case _:
            return None, ""


def _place(told: Location | None) -> Location | None:
    return told and replace(told, name=sanitise(told.name), address=sanitise(told.address))


def _poll(told: Poll | None) -> Poll | None:
    if told is None:
        return None
    options = tuple(replace(one, text=sanitise(one.text)) for one in told.options)
    return replace(told, question=sanitise(told.question), options=options)

"""What happens to a group, from the Cloud API's four group fields to canonical events."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from fallback.core.events import (
    NOBODY,
    Canonical,
    GroupChange,
    Identity,
    Membership,
    MembershipChange,
    Notice,
    Setting,
)
from fallback.core.ids import SourceId
from fallback.networks.whatsapp.cloud_json import Json, child, identifier, items, string
from fallback.networks.whatsapp.cloud_people import People

FIELDS: Final = (
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
)
_SAYS: Final = {
    "group_delete": "The WhatsApp group was deleted.",
    "group_suspend": "WhatsApp suspended the group: nothing can be sent to it.",
    "group_suspend_cleared": "WhatsApp opened the group again.",
}


def happened(item: Json, base: dict[str, Any], people: People, stamp: str) -> Iterator[Canonical]:
    """Make the events of one entry of ``groups``; a step that failed changes nothing and gives none.

    Args:
        base: the fields that all events share, but ``id`` and ``sender``.
        stamp: the time as it came, part of the ids: a repeated payload gives the same ones.
    """
    kind = string(item, "type")
    seed = (base["chat"], kind, stamp, identifier(item, "request_id", "join_request_id"))
    match kind:
        case "group_participants_add":
            added = [people.participant(one) for one in items(item, "added_participants")]
            by_link = string(item, "reason") == "invite_link"
            change = MembershipChange.JOINED_BY_LINK if by_link else MembershipChange.ADDED
            yield from _moved(change, added, base, seed, own=True)
        case "group_participants_remove":
            removed = [people.participant(one) for one in items(item, "removed_participants")]
            own = string(item, "initiated_by") == "participant"
            change = MembershipChange.LEFT if own else MembershipChange.REMOVED
            yield from _moved(change, removed, base, seed, own=own)
        case "group_join_request_created":
            who = people.participant(item)
            text = f"{who.name or who.key or 'Somebody'} asks to join the WhatsApp group."
            yield Notice(**base, id=_id(*seed, who.key), sender=who, text=text, topic="join_request")
        case "group_settings_update":
            yield from _set(item, base, seed)
        case "group_delete" | "group_suspend" | "group_suspend_cleared":
            if not items(item, "errors"):
                yield Notice(**base, id=_id(*seed), text=_SAYS[kind], topic="group")
        case _:
            return


def _moved(
    change: MembershipChange, members: list[Identity], base: dict[str, Any], seed: Iterable[str], *, own: bool
) -> Iterator[Canonical]:
    """Give one event for each who moved: each of them did it, or the business did."""
    for one in members:
        if one.key:
            yield Membership(
                **base, sender=one if own else NOBODY, id=_id(*seed, one.key), change=change, members=(one,)
            )


def _set(item: Json, base: dict[str, Any], seed: Iterable[str]) -> Iterator[Canonical]:
    for key, setting in (
        ("group_subject", Setting.SUBJECT),
        ("group_description", Setting.DESCRIPTION),
        ("profile_picture", Setting.ICON),
    ):
        part = child(item, key)
        if part.get("update_successful") is True:
            value = string(part, "text")
            yield GroupChange(**base, id=_id(*seed, key, value), setting=setting, value=value)


def _id(*seed: str) -> SourceId:
    return SourceId("group." + hashlib.sha256("\0".join(seed).encode()).hexdigest()[:32])

"""Contacts and their changes as a person and a program read them."""

from typing import Any

from msgspec.structs import asdict

from fallback.core.contact_plan import ChangeKind, ImportPlan
from fallback.core.contacts import Contact


def as_object(contact: Contact) -> dict[str, Any]:
    """Give every field of a contact; of the photo its size in bytes."""
    return asdict(contact) | {"photo": len(contact.photo)}


def lines(contact: Contact) -> list[str]:
    """Write a contact as lines, one a value."""
    values = {
        field: value if isinstance(value, tuple) else (value,) for field, value in as_object(contact).items()
    }
    values["photo"] = tuple(f"{size} bytes" for size in values["photo"] if size)
    return [f"{field:<9} {text}" for field, texts in values.items() for text in texts if text]


def plan_object(plan: ImportPlan) -> dict[str, Any]:
    """Give the counts of a plan, what it changes, its conflicts and the lines that were passed over."""
    return {kind.value: len(plan.of(kind)) for kind in ChangeKind} | {
        "changes": [
            {"kind": one.kind, "line": one.line, "id": one.contact.id, "name": one.contact.shown}
            | ({"differences": differences(one.before, one.contact)} if one.before else {})
            | ({"reason": one.reason} if one.reason else {})
            for one in plan.changes
            if one.kind is not ChangeKind.SAME
        ],
        "problems": plan.problems,
    }


def describe(plan: ImportPlan) -> list[str]:
    """Write a plan as lines: the counts, each change, each conflict, each line that was passed over."""
    new, updated, same, conflicts = (len(plan.of(kind)) for kind in ChangeKind)
    passed = len(plan.problems)
    lines = [f"{new} new, {updated} updated, {same} same, {conflicts} conflicts, {passed} lines passed over"]
    for change in plan.changes:
        shown = change.contact.shown
        match change.kind:
            case ChangeKind.NEW:
                lines.append(f"new       {shown}  {', '.join(change.contact.addresses[:4])}".rstrip())
            case ChangeKind.UPDATED:
                lines.append(f"updated   {shown}: {', '.join(differences(change.before, change.contact))}")
            case ChangeKind.CONFLICT:
                lines.append(f"conflict  line {change.line}: {shown} {change.reason}")
            case ChangeKind.SAME:
                pass
    lines += [f"line {one.line}: {one.text}" for one in plan.problems]
    return lines


def differences(before: Contact | None, after: Contact) -> list[str]:
    """Say what one contact has that another had not, field by field."""
    before = before or Contact()
    told = []
    for field in ("aliases", "phones", "lids", "mxids", "emails", "channels"):
        old, new = getattr(before, field), getattr(after, field)
        told += [f"+ {one}" for one in new if one not in old] + [f"- {one}" for one in old if one not in new]
    for field in ("name", "given", "family", "trust"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            told.append(f"{field} {new}" if new else f"no {field}")
    for field in ("notes", "photo", "extra"):
        if getattr(before, field) != getattr(after, field):
            told.append(field if getattr(after, field) else f"no {field}")
    return told

"""Describes an export for people and for programs."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from fallback.errors import UsageError
from fallback.networks.whatsapp.dialects import language_name
from fallback.networks.whatsapp.export import Export
from fallback.networks.whatsapp.merge import merge
from fallback.networks.whatsapp.moments import iso
from fallback.networks.whatsapp.people import name_kind
from fallback.networks.whatsapp.record import Record

_SHOWN: Final = 12


def as_object(export: Export) -> dict[str, Any]:
    """Give the whole export as one object: the schema of the corpora's scorer."""
    messages = [_message(n, record) for n, record in enumerate(export.records(), 1)]
    return {
        "platform": export.platform,
        "language": export.language,
        "date_order": export.date_order,
        "date_order_open": export.order.open,
        "date_order_evidence": list(export.evidence),
        "n_messages": len(messages),
        "participants": list(export.totals.people),
        "group_name": export.group.name or None,
        "media_found": export.totals.found,
        "media_missing": export.totals.missing,
        "media_omitted": export.totals.omitted,
        "problems": [{"text": p.text, "what": p.what} for p in export.problems],
        "messages": messages,
    }


def _message(number: int, record: Record) -> dict[str, Any]:
    body = record.special
    return {
        "n": number,
        "timestamp_local": iso(record.stamp),
        "sender": None if record.system is not None else record.label,
        "kind": record.kind,
        "text": record.text,
        "attachment": (body.attachment or None) if body is not None else None,
        "edited": body is not None and body.edited,
        "system_kind": record.system.kind if record.system is not None else None,
    }


def lines(export: Export) -> Iterator[str]:
    """Give the report that a person reads, line by line."""
    totals, group = export.totals, export.group
    yield f"{export.path.name}: {group.name or 'a chat without a name'}"
    source = {"android": "Android", "ios": "iPhone"}[export.platform]
    yield f"  from        {source}, {language_name(export.language) or 'language unknown'}"
    yield f"  messages    {totals.records:,} from {iso(totals.first)[:16]} to {iso(totals.last)[:16]}"
    yield f"  dates       {_order(export)}"
    yield f"  kinds       {_counts(totals.kinds)}"
    if totals.systems:
        yield f"  events      {_counts(totals.systems)}"
    yield f"  media       {totals.found:,} found, {len(totals.missing):,} missing, {totals.omitted:,} left out by WhatsApp"
    for name in totals.missing[:3]:
        yield f"                missing: {name}"
    kinds = Counter(name_kind(label) for label in totals.people)
    yield f"  people      {len(totals.people):,} who wrote ({_counts(kinds)}), {len(group.members):,} in the group at the end"
    for label, count in totals.people.most_common(_SHOWN):
        yield f"                {count:>7,}  {label}"
    if len(totals.people) > _SHOWN:
        yield f"                and {len(totals.people) - _SHOWN:,} more"
    if export.me.name or export.me.phone:
        yield f"  you         {export.me.name or export.me.phone}"
    for start, end in totals.gaps[:5]:
        yield f"  gap         nothing from {iso(start)[:10]} to {iso(end)[:10]}"
    if export.problems:
        yield f"  not read    {len(export.problems):,} places; their text stays in the message before"
        for problem in export.problems[:5]:
            yield f"                {problem.what}: {problem.text[:70]}"


def _order(export: Export) -> str:
    order = export.order
    names = {"DMY": "day, month, year", "MDY": "month, day, year", "YMD": "year, month, day"}
    text = f"{order.order} ({names[order.order]}): {'; '.join(order.evidence)}"
    return f"{text}. Say which it is with --date-order" if order.open else text


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.most_common())


def together(exports: list[Export]) -> str:
    """Say how several exports overlap."""
    try:
        merged = merge(exports)
    except UsageError as error:
        return error.message
    return f"{len(merged.events):,} messages together, {merged.same:,} of them in more than one export"

"""The plan of an export's migration."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fallback.core.events import Canonical

if TYPE_CHECKING:
    from fallback.core.migration import Plan
    from fallback.networks.whatsapp.export import Export


def planned(export: "Export", events: Iterable[Canonical], server_name: str) -> "Plan":
    """Plan an export's migration, with a warning for all that it does not tell plainly."""
    from fallback.core.migration import plan

    warnings = [f"{one.what}: {one.text[:60]!r}" for one in export.problems[:10]]
    if len(export.problems) > len(warnings):
        warnings.append(
            f"{len(export.problems) - len(warnings)} more lines were not understood: fallback inspect"
        )
    if export.order.open:
        warnings.append(f"the dates may be read in two ways; taken as {export.date_order} (--date-order)")
    return plan(
        export.group, events, server_name=server_name, missing=len(export.totals.missing), warnings=warnings
    )

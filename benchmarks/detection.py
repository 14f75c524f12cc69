"""How soon each recorded outage is noticed: DOWN and DEGRADED after its first fact, and how soon UP returns.

Run ``python -m benchmarks.detection`` for the table that docs/outages.md shows.
"""

import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fallback.probes.trace import Trace

TRACES = Path(__file__).parent.parent / "tests" / "data" / "outages"
_FACT = re.compile(r"t=(\d+)")
FAILURE = {"2022-10-25-whatsapp-serverside": 1980, "country-block-dns-2026-02": 1500}
"""Where the first fact is a partial failure: when nothing worked any more, by the trace's own facts."""
END = {"whatsapp-web-only-2024-11-25": 3000, "blip-90s": 690, "country-block-dns-2026-02": None}
"""Where the facts do not name the end as a number."""


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Give a row for each trace: minutes from its hard failure to DOWN, or how often it is DOWN where it must not be.

    With ``quick`` the three shortest.  All times in the rows are seconds; ``degraded`` counts from the trace's first
    fact, ``down`` from the hard failure, ``up`` from the end; ``None`` where the state is not entered.
    """
    from fallback.probes.trace import load

    traces = sorted((load(path) for path in TRACES.glob("*.json")), key=lambda trace: trace.duration_s)
    rows = [_row(trace) for trace in (traces[:3] if quick else traces)]
    times = [row["down"] for row in rows if row["down"] is not None]
    if times:
        detail = f"{_words(statistics.median(times))} over {len(times)} traces"
        rows.append(
            {
                "name": "median time to DOWN, min",
                "ratio": statistics.median(times) / 60,
                "goal": "<= 5",
                "detail": detail,
            }
        )
    return rows


def _row(trace: "Trace") -> dict[str, Any]:
    from fallback.probes.trace import replay

    log = list(replay(trace))
    moments = [int(one) for fact in trace.facts_modelled for one in _moments(fact)] or [600]
    first = {
        state: next((one.at for one in log if one.state == state), None) for state in ("DOWN", "DEGRADED")
    }
    last = log[-1] if log else None
    degraded = _since(first["DEGRADED"], min(moments))
    down = _since(first["DOWN"], FAILURE.get(trace.id, min(moments)))
    up = _since(last.at if last and last.state == "UP" else None, END.get(trace.id, max(moments)))
    due = any(rule["check"] == "first_enter" and rule["state"] == "DOWN" for rule in trace.expect)
    falls = sum(one.state == "DOWN" for one in log)
    return {
        "name": f"{trace.id}, {'min to DOWN' if due else 'times DOWN'}",
        "ratio": (down or 0.0) / 60 if due else float(falls),
        "goal": "<= 8" if due else "<= 0",
        "detail": f"DEGRADED after {_words(degraded)}, DOWN after {_words(down)}, UP after {_words(up)}",
        "trace": trace.id,
        "degraded": degraded,
        "down": down,
        "up": up,
        "cause": next((one.cause.value for one in log if one.state == "DOWN" and one.cause), None),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Write rows as a Markdown table, with the median time to DOWN."""
    lines = ["| Trace | DEGRADED after | DOWN after | cause | UP after its end |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['trace']} | {_words(row['degraded'])} | {_words(row['down'])} | {row['cause'] or ''} | {_words(row['up'])} |"
        for row in rows
        if "trace" in row
    ]
    return "\n".join(
        [*lines, "", *(f"{row['name']}: {row['detail']}." for row in rows if "trace" not in row)]
    )


def _moments(fact: str) -> list[str]:
    return _FACT.findall(fact.replace("-", " t=")) if fact.startswith("t=") else _FACT.findall(fact)


def _since(at: float | None, moment: float | None) -> float | None:
    return None if at is None or moment is None else at - moment


def _words(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    sign = "-" if seconds < 0 else ""
    return f"{sign}{abs(round(seconds)) // 60}:{abs(round(seconds)) % 60:02}"


if __name__ == "__main__":
    print(table(run()))

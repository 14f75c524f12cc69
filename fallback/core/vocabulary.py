"""The words of probes: which kind of evidence a probe gives, and what each of its outcomes means."""

import re
from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """An independent family of evidence, or a part of one."""

    NAMES = "names"
    RELAY_EDGE = "relay edge"
    PHONE_EDGE = "phone edge"
    CHAT = "chat"
    GRAPH = "graph"
    HINT = "hint"
    SESSION = "session"
    SENDS = "sends"
    RECEIPTS = "receipts"
    INBOUND = "inbound"
    PEOPLE = "people"
    PEER = "peer"
    CONTROL_NAMES = "control names"
    CONTROL = "control"
    HOME = "home"
    SHOWN = "shown"


class Word(StrEnum):
    """What an outcome says."""

    GOOD = "good"
    BAD = "bad"
    IDLE = "idle"
    ACCOUNT = "account"


ACCOUNT_STATES = frozenset({"logged_out", "stream_replaced", "temp_ban", "outdated"})
DENIALS = frozenset({"nxdomain", "bogus", "refused"})
"""What a resolver says of a name that it must not know; a dead authority gives ``servfail`` or silence."""
CAPTIVE = re.compile(r"bogus|redirect|captive|html|cert_mismatch|http_(2\d\d|30\d|511)")
"""What a portal between us and the network answers for hosts that it does not own."""

_ACCOUNT_CODES = frozenset(
    {
        "0",
        "3",
        "10",
        "190",
        "368",
        "401",
        "403",
        "131031",
        "130497",
        "131042",
        "131045",
        "133010",
        "131207",
        "131215",
    }
)
_THROTTLES = frozenset({"4", "429", "80007", "130429", "131048", "131056", "131208", "131064"})
_OUTAGE_CODES = frozenset({"1", "2", "131000", "131016", "131057"})
_GOOD = frozenset({"ok", "ack", "connected", "fresh", "service_ok", "up"})
_IDLE = frozenset({"none", "quiet", "unreachable", "low", "unknown", "skipped"})
_SIX = re.compile(r"(?<=[a-z])6(?=$|\.)|\.(v6|ipv6|aaaa)\b|\bipv6\b")

_BY_TAIL = {
    "state": Kind.SESSION,
    "session": Kind.SESSION,
    "send": Kind.SENDS,
    "sends": Kind.SENDS,
    "receipts": Kind.RECEIPTS,
    "webhook": Kind.INBOUND,
    "webhooks": Kind.INBOUND,
    "inbound": Kind.INBOUND,
}
_BY_OUTCOME = {
    **dict.fromkeys(
        ("connected", "connecting", "disconnected", "keepalive_timeout", *ACCOUNT_STATES), Kind.SESSION
    ),
    **dict.fromkeys(("ack", "no_ack"), Kind.SENDS),
    **dict.fromkeys(("fresh", "quiet", "stale"), Kind.INBOUND),
    **dict.fromkeys(("service_ok", "service_bad"), Kind.PEER),
    "stalled": Kind.RECEIPTS,
}
_BY_ROLE = {"control": Kind.CONTROL, "hint": Kind.HINT, "peer": Kind.PEER, "human": Kind.PEOPLE}


def kind_of(probe: str, outcome: str, roles: Mapping[str, str]) -> Kind:
    """Tell what evidence a probe gives, by its name, else by its words, else by its declared role."""
    head, _, tail = probe.partition(".")
    head = _SIX.sub("", head)
    match head:
        case "member":
            return Kind.PEOPLE
        case "ctl":
            return _control(tail)
        case "dns" | "doh":
            return Kind.NAMES
        case "tls" | "tcp":
            return Kind.RELAY_EDGE if tail.split(".")[0].rstrip("6").startswith("web") else Kind.PHONE_EDGE
        case "ws":
            return Kind.CHAT
        case "peer":
            return Kind.PEER
        case "meta":
            return Kind.HINT
        case "fb" | "ig" | "facebook" | "instagram":
            return Kind.SHOWN
    if probe.startswith(("http.graph", "graph")):
        return Kind.GRAPH
    last = probe.rpartition(".")[2]
    return _BY_TAIL.get(last) or _BY_OUTCOME.get(outcome) or _BY_ROLE.get(roles.get(probe, ""), Kind.SHOWN)


def is_six(probe: str) -> bool:
    """Tell whether a probe looks over IPv6 alone; its twin over IPv4 can excuse it."""
    return bool(_SIX.search(probe))


def word_of(kind: Kind, outcome: str) -> Word:
    """Tell what an outcome of that kind of probe says."""
    code = outcome.partition("_")[2] if outcome.startswith("err_") else ""
    if kind is Kind.SESSION and outcome in ACCOUNT_STATES:
        return Word.ACCOUNT
    if code:
        return _error(code)
    if outcome in _GOOD:
        return Word.GOOD
    if outcome in _IDLE and kind not in (
        Kind.CONTROL,
        Kind.CONTROL_NAMES,
        Kind.HOME,
        Kind.RELAY_EDGE,
        Kind.PHONE_EDGE,
    ):
        return Word.IDLE
    if outcome == "http_429" or (kind is Kind.SESSION and outcome == "connecting"):
        return Word.IDLE
    return Word.BAD


def _control(tail: str) -> Kind:
    first = tail.split(".", maxsplit=1)[0]
    if first in ("dns", "doh"):
        return Kind.CONTROL_NAMES
    return Kind.HOME if first in ("matrix", "homeserver", "home") else Kind.CONTROL


def _error(code: str) -> Word:
    if code in _ACCOUNT_CODES or (code.isdigit() and 200 <= int(code) <= 299):
        return Word.ACCOUNT
    if code in _THROTTLES:
        return Word.IDLE
    fails = code in _OUTAGE_CODES or not code.isdigit() or 500 <= int(code) <= 599
    return Word.BAD if fails else Word.IDLE

"""A verdict's reason in plain English: one sentence that names the evidence."""

from fallback.core.evidence import Evidence, Peers
from fallback.core.surroundings import Network
from fallback.core.tracks import Level

RECENT = 300.0
"""Seconds for which a single failure is worth a word."""
_TROUBLES = {
    "logged_out": "the linked device was logged out",
    "stream_replaced": "another program took over the linked device",
    "temp_ban": "WhatsApp has banned this account for a time",
    "outdated": "WhatsApp refuses this version of the connector",
}


def signs(e: Evidence) -> list[str]:
    """List what speaks for trouble, the strongest first."""
    found: list[str] = []
    if e.session is Level.BAD:
        found.append("the session with WhatsApp is lost")
    elif e.session is Level.PARTIAL:
        found.append("the session with WhatsApp keeps breaking")
    if e.sends is Level.BAD:
        found.append("messages are not acknowledged")
    elif e.sends is Level.PARTIAL:
        found.append("some messages fail or are slow")
    elif e.fails > 0.0 and e.at - e.fails <= RECENT:
        found.append("a message has failed")
    if e.receipts >= Level.PARTIAL:
        found.append("members' phones do not confirm delivery")
    elif e.stalls > 0.0 and e.at - e.stalls <= RECENT:
        found.append("some phones have not confirmed delivery")
    if e.webhook is Level.BAD:
        found.append("webhooks have stopped")
    if e.names_gone:
        found.append("no resolver finds WhatsApp's names")
    if e.relay_edge is Level.BAD and e.phone_edge is Level.BAD:
        found.append("WhatsApp's servers can't be reached")
    elif Level.BAD in (e.relay_edge, e.phone_edge):
        found.append(f"WhatsApp's {'web' if e.relay_edge is Level.BAD else 'phone'} servers can't be reached")
    elif Level.PARTIAL in (e.relay_edge, e.phone_edge):
        found.append("some connections to WhatsApp fail")
    if e.chat is Level.BAD:
        found.append("WhatsApp's chat endpoint fails")
    elif e.chat is Level.PARTIAL:
        found.append("WhatsApp's chat endpoint fails at times")
    if e.cloud and e.graph >= Level.PARTIAL:
        found.append("the Graph API fails")
    if e.downs:
        found.append(f"{_people(e.downs)} that WhatsApp is down")
    if e.peers is Peers.BAD:
        found.append("another place sees it too")
    if e.hint and found:
        found.append("Meta's status page admits trouble")
    return found


def barriers(e: Evidence) -> list[str]:
    """List what shows that somebody keeps us from WhatsApp."""
    return [
        text
        for seen, text in (
            (e.denied, "a resolver that works hides WhatsApp's names"),
            (e.cut, "connections to WhatsApp alone are reset"),
            (e.throttled, "connections to WhatsApp alone time out"),
        )
        if seen
    ]


def comforts(e: Evidence) -> list[str]:
    """List what speaks against an outage of WhatsApp or excuses our own network."""
    found: list[str] = []
    if e.ups:
        found.append(f"{_people(e.ups)} that it works")
    if e.peers is Peers.GOOD:
        found.append("it works for another place")
    if e.controls_seen:
        found.append(f"{e.controls_good} of {e.controls_seen} unrelated hosts answer")
    return found


def down(e: Evidence, *, blocked: bool) -> str:
    """Say why the team should move."""
    head = "WhatsApp is blocked here" if blocked else "WhatsApp is down"
    return _sentence(head, [*(barriers(e) if blocked else []), *signs(e)], comforts(e))


def degraded(e: Evidence) -> str:
    """Say what is not right."""
    if e.trouble:
        trouble = _TROUBLES.get(e.trouble, "WhatsApp refuses this account or its token")
        return _sentence("Only our own account is in trouble", [trouble], comforts(e))
    found = [*barriers(e), *signs(e)]
    if e.silent and not found:
        found = ["the connector has stopped to report"]
    if e.home_bad and found:
        found.append("the homeserver can't be reached either, so there is nowhere to move")
    return _sentence("WhatsApp is not well", found, comforts(e))


def cut_off(network: Network, e: Evidence) -> str:
    """Say why nothing can be said."""
    counted = f"{e.controls_good} of {e.controls_seen} unrelated hosts answer"
    match network:
        case Network.CAPTIVE:
            return f"Our own network shows a login page instead of the Internet: {counted}, so WhatsApp can't be judged."
        case Network.SILENT:
            return "No probe has reported for some minutes, so WhatsApp can't be judged."
        case _:
            return f"Our own network is down: {counted}, so WhatsApp can't be judged."


def recovering(e: Evidence) -> str:
    """Say what has come back."""
    back = ["the session is back"] if e.session is Level.GOOD else []
    if e.ups:
        back.append(f"{_people(e.ups)} that it works")
    return _sentence(
        "WhatsApp seems to come back, waiting for proof", back or ["its servers answer again"], []
    )


def up(e: Evidence) -> str:
    """Say why it is good again."""
    proof = ["the session holds"] if e.session is Level.GOOD else []
    if e.sends is Level.GOOD:
        proof.append("messages are acknowledged")
    if e.receipts is Level.GOOD:
        proof.append("members' phones confirm delivery")
    if e.inbound and e.at - e.inbound <= 2 * RECENT:
        proof.append("messages come in")
    if e.ups:
        proof.append(f"{_people(e.ups)} that it works")
    return _sentence("WhatsApp works", proof or ["nothing fails any more"], [])


def _people(count: int) -> str:
    return "1 member says" if count == 1 else f"{count} members say"


def _sentence(head: str, found: list[str], against: list[str]) -> str:
    text = head + (": " + _joined(found) if found else "")
    return f"{text} ({_joined(against)})." if against else f"{text}."


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]

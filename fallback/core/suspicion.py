"""What evidence asks for: how long it must hold before the team moves, what is worth a word, whose trouble it is.

The rules weigh families, never single probes.  The relay's own way (session, sends) can fail while phones chat on,
so it needs a second family: the phones' way, people, a peer, or the chat endpoint.
"""

from fallback.core.evidence import Evidence, Peers
from fallback.core.surroundings import Network
from fallback.core.tracks import Level

RECENT = 300.0
"""Seconds in which bad signs of two families belong together."""


def vetoed(e: Evidence) -> bool:
    """Tell whether members contradict an outage: it works on two phones at least, and on more than it fails."""
    return e.ups >= 2 and e.ups > e.downs


def hold(e: Evidence) -> float | None:
    """Give the seconds for which this must last before it is an outage; ``None`` where it is none."""
    if e.home_bad or e.network not in (Network.GOOD, Network.IMPAIRED, Network.UNSEEN):
        return None
    if vetoed(e):
        return None
    need = _relay_fails(e) if e.link is Level.BAD else _relay_is_silent(e)
    if need is None or (e.network is Network.UNSEEN and e.downs < 2):
        return None
    if e.network is Network.IMPAIRED and e.downs < 2 and not e.wide:
        return None
    if e.ups and e.ups >= e.downs:
        need = max(480.0, need)
    return 2 * need if e.network is Network.IMPAIRED else need


def _echoed(e: Evidence) -> bool:
    """Tell whether a send failed lately, and another family had a bad sign in the same minutes."""
    both = min(e.fails, e.echo)
    return both > 0.0 and e.at - both <= RECENT


def soft(e: Evidence) -> bool:
    """Tell whether something is not right, though it may be no outage."""
    weak = sum(
        level >= Level.PARTIAL
        for level in (
            e.sends,
            e.receipts,
            e.chat,
            e.relay_edge,
            e.phone_edge,
            e.session,
            e.graph if e.cloud else 0,
        )
    )
    return (
        bool(e.trouble)
        or e.link is Level.BAD
        or e.session is Level.PARTIAL
        or e.sends is Level.PARTIAL
        or Level.BAD in (e.receipts, e.webhook, e.relay_edge, e.phone_edge)
        or e.chat_streak >= 3
        or (e.receipts is Level.PARTIAL and e.fails > e.acks)
        or _echoed(e)
        or e.names_gone
        or e.barred
        or e.silent
        or e.downs >= 2
        or weak + bool(e.downs) + (e.peers is Peers.BAD) >= 2
    )


def is_barred(e: Evidence) -> bool:
    """Tell a block from an outage: something stands between us and WhatsApp, and elsewhere it is fine."""
    return e.barred and not (e.names_gone and not e.denied) and not (e.peers is Peers.BAD and not e.denied)


def ours(e: Evidence) -> bool:
    """Tell whether only the relay's own way fails: phones or other places say that WhatsApp works."""
    if e.wide or e.downs >= 2:
        return False
    if e.link is not Level.BAD:
        return e.silent or (e.webhook is Level.BAD and e.sends < Level.PARTIAL)
    if e.ups >= 2:
        return True
    own_way = e.session is Level.BAD or (e.cloud and e.graph is Level.BAD)
    return own_way and (e.peers is Peers.GOOD or not _second_family(e))


def alive(e: Evidence) -> bool:
    """Tell whether WhatsApp shows signs of life: reason to look closer, no proof."""
    if vetoed(e):
        return True
    if e.wide or e.denied or e.cut or e.chat is Level.BAD or e.downs >= 2:
        return False
    if not e.connector:
        return Level.GOOD in (e.relay_edge, e.phone_edge, e.chat)
    way = e.graph if e.cloud else e.session
    return (
        way in (Level.GOOD, Level.PARTIAL)
        and e.sends in (Level.NONE, Level.GOOD)
        and e.receipts <= Level.PARTIAL
    )


def _relay_fails(e: Evidence) -> float | None:
    second = _second_family(e)
    dead = e.sends_dead and e.session is not Level.BAD and not (e.cloud and e.chat is Level.GOOD)
    match e.downs:
        case 0 | 1 if e.denied or e.cut:
            return 120.0
        case 0 | 1 if e.wide:
            return 150.0
        case 0 | 1 if is_barred(e):
            return 240.0
        case 0 | 1 if e.peers is Peers.GOOD:
            return None
        case 0:
            return 240.0 if second else 300.0 if dead else None
        case 1:
            return 150.0 if second else 240.0 if dead else None
        case _:
            return 60.0


def _relay_is_silent(e: Evidence) -> float | None:
    """Judge without the relay's own way: no connector, its account in trouble, or no traffic to show a failure."""
    path = e.chat is Level.BAD or e.wide
    if e.trouble or not e.connector:
        if e.wide or (is_barred(e) and e.downs):
            return 120.0 if e.downs else 240.0
        return 120.0 if e.downs >= 2 and (path or e.peers is Peers.BAD) else None
    if e.fresh_downs < 2:
        return None
    if e.receipts is Level.BAD:
        return 60.0 if e.peers is not Peers.GOOD else 180.0
    if e.sends is Level.PARTIAL and (e.peers is not Peers.GOOD or e.downs >= 3):
        return 180.0
    if e.sends >= Level.GOOD and e.acks > e.fails:
        return None
    if path or e.peers is Peers.BAD or is_barred(e):
        return 60.0
    contradicted = e.ups or e.peers is Peers.GOOD or e.receipts is Level.GOOD
    return 120.0 if e.downs >= 3 and not contradicted else None


def _second_family(e: Evidence) -> bool:
    """Tell whether anything but the relay's own way speaks for an outage."""
    return (
        e.chat >= Level.PARTIAL
        or Level.BAD in (e.relay_edge, e.phone_edge)
        or (not e.cloud and e.graph is Level.BAD)
        or e.peers in (Peers.BAD, Peers.MIXED)
        or e.barred
    )

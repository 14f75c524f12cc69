"""What is known at a moment: recent samples of all probes, weighed into a few independent families."""

from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum

from fallback.core.events import Frozen
from fallback.core.surroundings import Network, Surroundings, judge
from fallback.core.tracks import (
    TRAFFIC_WINDOW,
    VOTE_LASTS,
    WINDOW,
    Level,
    Track,
    Votes,
    begin,
    drops,
    loss,
    resolver,
)
from fallback.core.vocabulary import DENIALS, Kind, Word, is_six, kind_of, word_of

SETTLING = 45.0
"""Seconds after a session's return in which late failures of the time before still come in."""
SLOW = 5_000.0
"""Milliseconds from which an acknowledgement is a bad sign."""


class Peers(StrEnum):
    """What other vantage points say."""

    NONE = "none"
    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"


class Evidence(Frozen, frozen=True):
    """Everything that a verdict rests on.

    Args:
        link: the relay's own way into WhatsApp: its session, sends and (Cloud API) the Graph.
        link_since: when ``link`` began to fail, else 0.
        chat: the WebSocket of linked devices and browsers.
        names_gone: no resolver that works knows WhatsApp's names.
        denied: a resolver that works hides WhatsApp's names.
        cut: connections to WhatsApp alone are reset.
        throttled: connections to WhatsApp alone fail while it works for a peer elsewhere.
        acks, fails, deliveries, stalls, drops, inbound: times of the newest acknowledged and failed send, confirmed
            and missing delivery, lost session and message from outside; 0 for never.
        echo: time of the newest bad sign of another family that a failed send would show in.
        ups, downs, fresh_downs: members who say so; the fresh ones said it in the last quarter of an hour.
        trouble: the account's, as the connector words it.
        silent: the connector has stopped to report.
    """

    at: float = 0.0
    network: Network = Network.UNSEEN
    home_bad: bool = False
    link: Level = Level.NONE
    link_since: float = 0.0
    session: Level = Level.NONE
    sends: Level = Level.NONE
    sends_dead: bool = False
    receipts: Level = Level.NONE
    webhook: Level = Level.NONE
    relay_edge: Level = Level.NONE
    phone_edge: Level = Level.NONE
    chat: Level = Level.NONE
    chat_streak: int = 0
    graph: Level = Level.NONE
    cloud: bool = False
    names_gone: bool = False
    denied: bool = False
    cut: bool = False
    throttled: bool = False
    peers: Peers = Peers.NONE
    ups: int = 0
    downs: int = 0
    fresh_downs: int = 0
    trouble: str = ""
    silent: bool = False
    acks: float = 0.0
    fails: float = 0.0
    deliveries: float = 0.0
    stalls: float = 0.0
    drops: float = 0.0
    inbound: float = 0.0
    echo: float = 0.0
    hint: bool = False
    controls_good: int = 0
    controls_seen: int = 0

    @property
    def wide(self) -> bool:
        """The phones' way is gone too, not only the relay's."""
        edges = [edge for edge in (self.relay_edge, self.phone_edge) if edge is not Level.NONE]
        return self.names_gone or (bool(edges) and min(edges) is Level.BAD)

    @property
    def barred(self) -> bool:
        """Somebody between us and WhatsApp stops it."""
        return self.denied or self.cut or self.throttled

    @property
    def connector(self) -> bool:
        """A connector reports at all."""
        return (self.session, self.sends) != (Level.NONE, Level.NONE) or self.cloud or self.silent


class Memory:
    """The recent samples of all probes.

    Args:
        roles: of probes whose names say nothing (``control``, ``service``, ``session``, ``hint``, ``peer``, ``human``).
        cloud: the connector is the Cloud API, so the Graph is its way.
    """

    def __init__(self, roles: Mapping[str, str], *, cloud: bool | None = None) -> None:
        self.roles = roles
        self.cloud = cloud
        self.votes = Votes()
        self.tracks: dict[Kind, dict[str, Track]] = {kind: {} for kind in Kind}
        self.kinds: dict[str, Kind] = {}
        self.last_bad = 0.0
        self.trouble = ""
        self.restored = 0.0
        self._slow: deque[tuple[float, bool]] = deque(maxlen=6)

    def add(self, at: float, probe: str, outcome: str, latency_ms: float | None) -> None:
        """Take a sample."""
        kind = self.kinds.get(probe)
        if kind is None:
            kind = kind_of(probe, outcome, self.roles)
            if kind is not Kind.SHOWN:
                self.kinds[probe] = kind
        if kind is Kind.PEOPLE:
            self.votes.add(at, outcome)
            self.last_bad = at
            return
        word = word_of(kind, outcome)
        if word in (Word.BAD, Word.ACCOUNT):
            self.last_bad = at
        track = self.tracks[kind].get(probe)
        if track is None:
            track = self.tracks[kind][probe] = Track()
        if kind in (Kind.SESSION, Kind.SENDS):
            self._account(at, kind, word, outcome, track)
        if kind is Kind.SENDS and word is Word.GOOD:
            slow = (latency_ms or 0.0) >= SLOW
            self._slow.append((at, slow))
            self.last_bad = at if slow else self.last_bad
        track.add(at, word, outcome)

    def forget(self) -> None:
        """Start from nothing; what members said stays."""
        for kind in self.tracks:
            self.tracks[kind] = {}
        self.trouble = ""
        self.restored = 0.0
        self._slow.clear()

    def forget_service(self) -> None:
        """Drop what was seen through a network that failed."""
        for kind in self.tracks:
            if kind not in (Kind.CONTROL, Kind.CONTROL_NAMES, Kind.HOME):
                self.tracks[kind] = {}
        self._slow.clear()

    def is_stale(self, now: float) -> bool:
        """Tell whether the controls have stopped to report."""
        controls = self.tracks[Kind.CONTROL]
        return bool(controls) and not any(track.fresh(now) for track in controls.values())

    def network(self, now: float) -> Surroundings:
        """Judge our own network."""
        home = self.tracks[Kind.HOME].values()
        return judge(self._without_six(Kind.CONTROL), self._without_six(Kind.CONTROL_NAMES), home, now)

    def look(self, now: float, *, ups_after: float, downs_after: float) -> Evidence:
        """Weigh everything."""
        around = self.network(now)
        ups, downs = self.votes.count(now, ups_after=ups_after, downs_after=downs_after)
        gone, denied = self._names(now)
        peers = self._peers(now)
        session, session_since = self._session(now)
        sends, sends_since, dead = self._sends(now)
        cloud = self.cloud if self.cloud is not None else self._is_cloud()
        graph = self._worst(Kind.GRAPH, now)
        ways = [(session, session_since), (sends, sends_since)]
        if cloud:
            ways.append((graph, self._since(Kind.GRAPH)))
        link = Level.NONE if self.trouble else max(level for level, _ in ways)
        since = min((at for level, at in ways if level is Level.BAD), default=0.0)
        edge, phone, chat = (self._worst(kind, now) for kind in (Kind.RELAY_EDGE, Kind.PHONE_EDGE, Kind.CHAT))
        acks, fails = self._newest(Kind.SENDS)
        deliveries, stalls = self._newest(Kind.RECEIPTS)
        return Evidence(
            at=now,
            network=around.network,
            home_bad=any(track.streak >= 2 for track in self.tracks[Kind.HOME].values()),
            link=link,
            link_since=since if link is Level.BAD else 0.0,
            session=session,
            sends=sends,
            sends_dead=dead,
            receipts=self._receipts(now),
            webhook=self._worst(Kind.INBOUND, now),
            relay_edge=edge,
            phone_edge=phone,
            chat=chat,
            chat_streak=max((track.streak for track in self.tracks[Kind.CHAT].values()), default=0),
            graph=graph,
            cloud=cloud,
            names_gone=gone,
            denied=denied,
            cut=peers is not Peers.BAD and self._cut(now),
            throttled=peers is Peers.GOOD
            and not gone
            and (sends >= Level.PARTIAL or session is not Level.GOOD or chat >= Level.PARTIAL)
            and self._throttled(now),
            peers=peers,
            ups=ups,
            downs=downs,
            fresh_downs=self.votes.count(
                now, ups_after=now, downs_after=max(downs_after, now - VOTE_LASTS / 2)
            )[1],
            trouble=self.trouble,
            silent=self._silent(now),
            acks=acks,
            fails=fails,
            deliveries=deliveries,
            stalls=stalls,
            drops=self._newest(Kind.SESSION)[1],
            inbound=self._newest(Kind.INBOUND)[0],
            echo=max(stalls, self._newest(Kind.CHAT)[1], self._newest(Kind.PEER)[1], self.votes.newest_down),
            hint=any(
                track.word is Word.BAD and track.fresh(now) for track in self.tracks[Kind.HINT].values()
            ),
            controls_good=around.good,
            controls_seen=around.seen,
        )

    def _account(self, at: float, kind: Kind, word: Word, outcome: str, track: Track) -> None:
        """Follow the account: its trouble lasts until a session or a send is good again."""
        if word is Word.ACCOUNT:
            twice = kind is Kind.SESSION or track.word is Word.ACCOUNT
            self.trouble = outcome if twice else self.trouble
        elif word is Word.GOOD:
            if kind is Kind.SESSION and (track.streak >= 2 or self.trouble):
                self.restored = at
            self.trouble = ""

    def _without_six(self, kind: Kind) -> list[Track]:
        tracks = self.tracks[kind]
        return [track for name, track in tracks.items() if not is_six(name)] or list(tracks.values())

    def _worst(self, kind: Kind, now: float) -> Level:
        """Weigh probes of one kind: a target that works over either address family works."""
        tracks = self.tracks[kind]
        if not tracks:
            return Level.NONE
        levels = [track.level(now) for name, track in tracks.items() if not is_six(name)]
        sixes = [track.level(now) for name, track in tracks.items() if is_six(name)]
        worst = max(levels, default=Level.NONE)
        best = min((level for level in sixes if level is not Level.NONE), default=worst)
        return worst if worst is Level.NONE or best is Level.NONE else min(worst, best)

    def _since(self, kind: Kind) -> float:
        return min((track.bad_since for track in self.tracks[kind].values() if track.streak), default=0.0)

    def _newest(self, kind: Kind) -> tuple[float, float]:
        good = bad = 0.0
        for track in self.tracks[kind].values():
            for at, fine, _ in track.recent:
                if fine:
                    good = max(good, at)
                else:
                    bad = max(bad, at)
        return good, bad

    def _session(self, now: float) -> tuple[Level, float]:
        tracks = [track for track in self.tracks[Kind.SESSION].values() if track.fresh(now)]
        if not tracks:
            return Level.NONE, 0.0
        lost = [track for track in tracks if track.streak >= 2 and not self.trouble]
        if len(lost) == len(tracks):
            return Level.BAD, max(track.bad_since for track in lost)
        flaps = sum(drops(track.recent, now) for track in tracks)
        if flaps >= 3:
            return Level.PARTIAL, 0.0
        return (Level.GOOD if any(track.word is Word.GOOD for track in tracks) else Level.NONE), 0.0

    def _sends(self, now: float) -> tuple[Level, float, bool]:
        """Weigh sends: level, since when they fail, and whether next to nothing goes through."""
        deadline = self.restored + SETTLING if self.restored else 0.0
        recent = [
            (at, fine)
            for track in self.tracks[Kind.SENDS].values()
            for at, fine, _ in track.recent
            if now - at <= TRAFFIC_WINDOW and (fine or at > deadline)
        ]
        recent = sorted(recent)[-12:]
        if not recent:
            return Level.NONE, 0.0, False
        bad = [at for at, fine in recent if not fine]
        newest = [fine for _, fine in recent[-5:]]
        tail = [fine for _, fine in recent[-3:]]
        failing = newest.count(False) / len(newest)
        if len(bad) >= 3 and (not any(tail) or failing >= 0.6):
            return Level.BAD, begin(recent), newest.count(False) >= 4
        if newest.count(False) >= 2 or len(bad) >= 3:
            return Level.PARTIAL, bad[0], False
        slow = sum(slow for at, slow in self._slow if now - at <= TRAFFIC_WINDOW)
        return (Level.PARTIAL if slow >= 3 else Level.GOOD), 0.0, False

    def _receipts(self, now: float) -> Level:
        tracks = [track for track in self.tracks[Kind.RECEIPTS].values() if track.heard(now)]
        if not tracks or now < self.restored + 200.0:
            return Level.NONE
        streak = min(track.streak for track in tracks)
        if streak >= 3:
            return Level.BAD
        bad, seen = tracks[0].counts(now, TRAFFIC_WINDOW)
        return Level.PARTIAL if streak >= 2 or (bad >= 3 and bad / seen >= 0.4) else Level.GOOD

    def _names(self, now: float) -> tuple[bool, bool]:
        """Tell whether WhatsApp's names are gone everywhere, and whether somebody hides them."""
        controls = {
            name.removeprefix("ctl."): track for name, track in self.tracks[Kind.CONTROL_NAMES].items()
        }
        usable: list[Track] = []
        for name, track in self.tracks[Kind.NAMES].items():
            control = controls.get(name) or controls.get(resolver(name))
            if track.fresh(now) and not is_six(name) and not (control and control.streak):
                usable.append(track)
        bad = [track for track in usable if track.level(now) is Level.BAD]
        hidden = [track for track in bad if track.says(DENIALS, now)]
        gone = bool(bad) and len(bad) == len(usable) and (len(bad) >= 2 or len(self.tracks[Kind.NAMES]) == 1)
        servfail = [track for track in bad if track not in hidden]
        denied = bool(hidden) and not (gone and servfail)
        return gone and not denied, denied

    def _peers(self, now: float) -> Peers:
        good = bad = 0
        for track in self.tracks[Kind.PEER].values():
            wrong, seen = track.counts(now, max(WINDOW, 4 * min(track.gap, 150.0)))
            if not seen or not track.fresh(now):
                continue
            good += wrong <= 1 or 2 * wrong < seen
            bad += wrong >= 2
        if good and bad:
            return Peers.MIXED
        return Peers.BAD if bad else Peers.GOOD if good else Peers.NONE

    def _cut(self, now: float) -> bool:
        cut = frozenset({"reset"})
        return any(
            track.fresh(now) and track.level(now) is Level.BAD and track.says(cut, now)
            for track in self._paths(Kind.RELAY_EDGE, Kind.PHONE_EDGE, Kind.CHAT)
        )

    def _throttled(self, now: float) -> bool:
        controls = [*self._without_six(Kind.CONTROL), *self._without_six(Kind.CONTROL_NAMES)]
        if not controls or loss(controls, now, TRAFFIC_WINDOW) > 0.05:
            return False
        peer = max(
            (track.at for track in self.tracks[Kind.PEER].values() if track.word is Word.GOOD), default=0.0
        )
        if any(track.streak for track in self.tracks[Kind.PEER].values()):
            return False
        for track in self._paths(Kind.RELAY_EDGE, Kind.PHONE_EDGE):
            bad, seen = track.counts(now, TRAFFIC_WINDOW)
            failed = [at for at, fine, _ in track.recent if not fine and now - at <= TRAFFIC_WINDOW]
            before = sum(at <= peer - WINDOW for at in failed)
            if bad / max(seen, 1) >= 0.25 and track.fresh(now) and before >= 2 and bad - before >= 2:
                return True
        return False

    def _paths(self, *kinds: Kind) -> Iterable[Track]:
        return (track for kind in kinds for name, track in self.tracks[kind].items() if not is_six(name))

    def _silent(self, now: float) -> bool:
        tracks = self.tracks[Kind.SESSION].values()
        return bool(tracks) and not any(track.fresh(now) for track in tracks)

    def _is_cloud(self) -> bool:
        sends = list(self.tracks[Kind.SENDS])
        return not self.tracks[Kind.SESSION] and (
            bool(self.tracks[Kind.INBOUND]) or any(not name.startswith("ld.") for name in sends)
        )

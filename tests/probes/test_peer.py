"""Another relay's verdict, asked at its own pages."""

import pytest

from fallback.config import Config, Probing
from fallback.core.health import Cause, Health, State
from fallback.probes.build import probes, settings_from
from fallback.probes.peer import PeerProbe
from fallback.relay.web import Pages, serving
from tests.relay.world import World

TOLD = [
    (State.UP, "service_ok"),
    (State.DOWN, "service_bad"),
    (State.RECOVERING, "none"),
    (State.UNKNOWN, "none"),
    (State.DEGRADED, "none"),
]


@pytest.mark.parametrize(("state", "outcome"), TOLD)
async def test_what_a_peer_has_found_is_evidence_and_what_it_does_not_know_is_none(
    session, clock, state, outcome
):
    relay = (await World().set_up()).relay()
    relay.watch.detector.health = Health(state=state, cause=Cause.META_OUTAGE)
    async with serving(Pages(relay, token="secret"), "127.0.0.1", 0) as url:
        assert (await PeerProbe("peer.1", url, clock, session, token="secret").sample()).outcome == outcome
        assert (await PeerProbe("peer.1", url, clock, session, token="wrong").sample()).outcome == "none"
    assert (await PeerProbe("peer.1", url, clock, session).sample()).outcome == "none"


async def test_a_page_of_something_else_says_nothing(endpoints, session, clock):
    probe = PeerProbe("peer.1", endpoints.url(endpoints.homeserver), clock, session)
    assert (await probe.sample()).outcome == "none"


async def test_peers_are_configured(clock, tmp_path):
    file = tmp_path / "token"
    file.write_text("t")
    file.chmod(0o600)
    there = Probing(peers=("https://a.example", "https://b.example"), peers_token_file=str(file))
    settings = settings_from(Config(probing=there))
    assert settings.peers_token == "t"
    async with probes(settings, clock) as made:
        assert [one.name for one in made if one.name.startswith("peer")] == ["peer.1", "peer.2"]

import pytest

from fallback.probes.metastatus import StatusProbe, rank
from fallback.simulator.endpoints import Fault


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("No known issues", "none"),
        ("Resolved", "none"),
        ("Low disruptions", "low"),
        ("Some disruptions", "medium"),
        ("Medium disruptions", "medium"),
        ("Major disruptions", "high"),
        ("High disruptions", "high"),
    ],
)
async def test_the_worst_status_of_whatsapp_is_the_hint(endpoints, session, clock, words, outcome):
    endpoints.disruption = words
    probe = StatusProbe(endpoints.url(endpoints.status, "/orgs.json"), clock, session)
    assert (await probe.sample()).outcome == outcome == rank(words)


@pytest.mark.parametrize(
    "fault", [Fault.UNAVAILABLE, Fault.CAPTIVE, Fault.REDIRECT, Fault.REFUSE, Fault.RESET]
)
async def test_a_page_that_is_gone_or_changed_tells_nothing(endpoints, session, clock, fault):
    await endpoints.status.fail(fault)
    probe = StatusProbe(endpoints.url(endpoints.status), clock, session)
    assert (await probe.sample()).outcome == "unreachable"

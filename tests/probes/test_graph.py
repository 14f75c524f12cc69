import pytest

from fallback.probes.graph import GraphProbe
from fallback.simulator.endpoints import Fault


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (None, "ok"),
        (Fault.UNAVAILABLE, "http_503"),
        (Fault.CAPTIVE, "http_200"),
        (Fault.REDIRECT, "redirect"),
        (Fault.REFUSE, "refused"),
        (Fault.RESET, "reset"),
        (Fault.HANG, "timeout"),
    ],
)
async def test_the_graphs_own_refusal_is_ok_and_all_else_is_not(endpoints, session, clock, fault, outcome):
    url = endpoints.url(endpoints.graph)
    await endpoints.graph.fail(fault)
    probe = GraphProbe(url, clock, session, timeout=0.3 if fault is Fault.HANG else 5.0)
    assert (await probe.sample()).outcome == outcome

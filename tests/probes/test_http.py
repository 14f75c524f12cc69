import pytest

from fallback.probes.http import HomeserverProbe, PageProbe
from fallback.simulator.endpoints import Fault

FAULTS = [
    (None, "ok"),
    (Fault.UNAVAILABLE, "http_503"),
    (Fault.CAPTIVE, "http_200"),
    (Fault.REDIRECT, "redirect"),
    (Fault.REFUSE, "refused"),
    (Fault.RESET, "reset"),
    (Fault.HANG, "timeout"),
]


@pytest.mark.parametrize(("fault", "outcome"), FAULTS)
async def test_a_captive_portal_is_told_from_the_internet(endpoints, session, clock, fault, outcome):
    timeout = 0.3 if fault is Fault.HANG else 5.0
    url, base = endpoints.url(endpoints.control, "/generate_204"), endpoints.url(endpoints.homeserver)
    await endpoints.control.fail(fault)
    await endpoints.homeserver.fail(fault)
    control = PageProbe("ctl.http204", url, clock, session, timeout=timeout)
    home = HomeserverProbe(base, clock, session, timeout=timeout)
    assert (await control.sample()).outcome == outcome
    assert (await home.sample()).outcome == outcome


async def test_any_answer_of_an_unrelated_page_is_ok_but_an_error_of_its_server(endpoints, session, clock):
    probe = PageProbe("ctl.https", endpoints.url(endpoints.graph), clock, session)
    assert (await probe.sample()).outcome == "ok"
    await endpoints.graph.fail(Fault.UNAVAILABLE)
    assert (await probe.sample()).outcome == "http_503"

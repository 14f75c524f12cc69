import pytest

from fallback.probes.websocket import WebSocketProbe
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
async def test_the_chat_endpoint_is_seen_as_it_is(endpoints, session, clock, fault, outcome):
    url = endpoints.url(endpoints.chat, "/ws/chat", scheme="ws")
    await endpoints.chat.fail(fault)
    timeout = 0.3 if fault is Fault.HANG else 5.0
    probe = WebSocketProbe(url, clock, session, origin="https://web.whatsapp.com", timeout=timeout)
    assert (await probe.sample()).outcome == outcome

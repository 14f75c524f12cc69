import asyncio
import ssl

import aiohttp
import pytest

from fallback.probes.dns import judge, parse, query
from fallback.simulator.endpoints import ADDRESS, LIE, Endpoints, Fault, answered

ASKED = query("web.whatsapp.com", 4711)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(None, "ok"), (Fault.SERVFAIL, "servfail"), (Fault.NXDOMAIN, "nxdomain"), (Fault.BOGUS, "bogus")],
)
def test_the_resolver_answers_as_its_fault_says(fault, outcome):
    answer = parse(answered(ASKED, fault, over_udp=True), ASKED)
    assert judge(answer) == outcome
    assert answer.addresses == {None: (ADDRESS,), Fault.BOGUS: (LIE,)}.get(fault, ())


def test_a_truncated_answer_is_whole_over_tcp():
    assert parse(answered(ASKED, Fault.TRUNCATE, over_udp=True), ASKED).truncated
    assert parse(answered(ASKED, Fault.TRUNCATE, over_udp=False), ASKED).addresses == (ADDRESS,)


async def test_a_port_stays_its_own_through_a_refusal(tmp_path):
    async with Endpoints(tmp_path) as there:
        port = there.control.port
        await there.control.fail(Fault.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await there.control.fail(None)
        async with aiohttp.ClientSession() as session, session.get(there.url(there.control)) as response:
            assert response.status == 204
        assert there.control.port == port


async def test_the_edge_has_a_certificate_for_whatsapps_names_alone(tmp_path):
    async with Endpoints(tmp_path) as there:
        trust = ssl.create_default_context(cafile=str(there.cafile))
        for host in ("web.whatsapp.com", "g.whatsapp.net"):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", there.edge.port, ssl=trust, server_hostname=host
            )
            writer.transport.abort()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                "127.0.0.1", there.edge.port, ssl=trust, server_hostname="example.com"
            )


async def test_a_plain_request_to_the_chat_endpoint_is_no_handshake(tmp_path):
    async with Endpoints(tmp_path) as there, aiohttp.ClientSession() as session:
        async with session.get(there.url(there.chat, "/ws/chat")) as response:
            assert response.status == 400
        async with session.ws_connect(
            there.url(there.chat, "/ws/chat", scheme="ws"), timeout=aiohttp.ClientWSTimeout(ws_close=0.1)
        ):
            assert there.chat.seen == 2


async def test_the_simulators_key_is_for_its_owner_alone(tmp_path):
    async with Endpoints(tmp_path):
        assert (tmp_path / "simulator-key.pem").stat().st_mode & 0o777 == 0o600

import pytest

from fallback.probes.settings import Edge, Resolver
from fallback.probes.tls import TlsProbe
from fallback.simulator.endpoints import Endpoint, Fault


@pytest.fixture
def probe(endpoints, session, clock, trust):
    def make(host="web.whatsapp.com", timeout=5.0, **more):
        more.setdefault("ports", (endpoints.edge.port,))
        edge = Edge("tls.web", host, address=more.pop("address", "127.0.0.1"), **more)
        resolvers = [Resolver("sys", "127.0.0.1", endpoints.dns.port)]
        return TlsProbe(edge, resolvers, clock, session, context=trust, timeout=timeout)

    return make


async def test_a_handshake_is_ok(probe):
    assert (await probe().sample()).outcome == "ok"


@pytest.mark.parametrize(("fault", "outcome"), [(Fault.REFUSE, "refused"), (Fault.RESET, "reset")])
async def test_a_refusal_is_told_from_a_reset(probe, endpoints, fault, outcome):
    await endpoints.edge.fail(fault)
    assert (await probe().sample()).outcome == outcome


async def test_an_edge_that_accepts_and_hangs_times_out(probe, endpoints):
    await endpoints.edge.fail(Fault.HANG)
    assert (await probe(timeout=0.2).sample()).outcome == "timeout"


async def test_another_hosts_certificate_is_a_mismatch(probe):
    assert (await probe(host="example.com").sample()).outcome == "cert_mismatch"


async def test_a_name_that_no_resolver_knows_is_a_dns_failure(probe, endpoints):
    await endpoints.dns.fail(Fault.NXDOMAIN)
    assert (await probe(address="").sample()).outcome == "dns_fail"


async def test_a_phones_edge_may_answer_in_its_own_protocol(probe):
    async def greet(reader, writer):
        await reader.read(1)
        writer.write(b"not TLS at all")
        await writer.drain()

    own = Endpoint(greet)
    await own.start()
    assert (await probe(ports=(own.port,), must_speak_tls=False).sample()).outcome == "ok"
    assert (await probe(ports=(own.port,)).sample()).outcome == "reset"
    await own.close()


async def test_the_second_port_counts_where_the_first_is_closed(probe, endpoints):
    assert (await probe(ports=(1, endpoints.edge.port)).sample()).outcome == "ok"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.probes.dns import Answer, DnsProbe, judge, parse, query, resolve
from fallback.probes.settings import Resolver, system_resolver
from fallback.simulator.endpoints import ADDRESS, Endpoint, Fault, answered

HOST = "web.whatsapp.com"


@pytest.fixture
def probe(endpoints, session, clock):
    def make(timeout=5.0, **more):
        resolver = more.pop("resolver", Resolver("sys", "127.0.0.1", endpoints.dns.port))
        return DnsProbe(resolver.label, resolver, HOST, clock, session, timeout=timeout, **more)

    return make


async def test_a_healthy_resolver_is_ok_and_takes_measured_time(probe):
    sample = await probe().sample()
    assert (sample.probe, sample.outcome) == ("dns.sys", "ok")
    assert sample.latency_ms > 0


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.NXDOMAIN, Fault.BOGUS])
async def test_what_a_resolver_says_wrong_is_the_outcome(probe, endpoints, fault):
    await endpoints.dns.fail(fault)
    assert (await probe().sample()).outcome == fault.value


async def test_a_truncated_answer_is_asked_again_over_tcp(probe, endpoints):
    await endpoints.dns.fail(Fault.TRUNCATE)
    assert (await probe().sample()).outcome == "ok"
    assert endpoints.dns.seen == 2


async def test_a_silent_resolver_times_out(probe, endpoints):
    await endpoints.dns.fail(Fault.HANG)
    assert (await probe(timeout=0.2).sample()).outcome == "timeout"


async def test_a_closed_port_is_refused(probe, endpoints):
    await endpoints.dns.fail(Fault.REFUSE)
    assert (await probe(timeout=0.4).sample()).outcome == "refused"


async def test_dns_over_https_gives_the_same_answers(probe, endpoints):
    resolver = Resolver("cf", url=endpoints.url(endpoints.dns, "/dns-query"))
    assert (await probe(resolver=resolver).sample()).outcome == "ok"
    await endpoints.dns.fail(Fault.NXDOMAIN)
    assert (await probe(resolver=resolver).sample()).outcome == "nxdomain"
    await endpoints.dns.fail(Fault.UNAVAILABLE)
    sample = await probe(resolver=resolver).sample()
    assert (sample.probe, sample.outcome) == ("doh.cf", "http_503")


async def test_an_address_comes_from_the_first_resolver_that_answers(endpoints, session):
    dead = Resolver("dead", "127.0.0.1", 1)
    alive = Resolver("sys", "127.0.0.1", endpoints.dns.port)
    assert await resolve([dead, alive], HOST, 1.0, session) == ADDRESS
    assert await resolve([dead], HOST, 1.0, session) == ""


async def test_a_resolver_that_hangs_up_is_passed_over(endpoints, session):
    async def hang_up(reader, writer):
        await reader.read(1)

    rude = Endpoint(hang_up)
    await rude.start()
    resolvers = [Resolver("rude", "127.0.0.1", rude.port), Resolver("sys", "127.0.0.1", endpoints.dns.port)]
    assert await resolve(resolvers, HOST, 1.0, session) == ADDRESS
    await rude.close()


def test_an_address_outside_the_known_networks_is_bogus():
    there = Answer("ok", ("8.8.8.8",))
    assert judge(there) == "ok"
    assert judge(there, ["157.240.0.0/16"]) == "bogus"
    assert judge(Answer("ok")) == "bogus"


def test_an_answer_to_another_query_is_refused():
    with pytest.raises(ValueError, match="not an answer"):
        parse(answered(query(HOST, 1), None, over_udp=True), query(HOST, 2))
    with pytest.raises(ValueError, match="not an answer"):
        parse(query(HOST, 2), query(HOST, 2))


@given(st.binary(max_size=80))
def test_garbage_never_breaks_the_reader(junk):
    asked = query(HOST, 7)
    head = answered(asked, None, over_udp=True)[: len(asked)]
    for packet in (junk, head + junk, asked[:2] + junk):
        try:
            parse(packet, asked)
        except (ValueError, __import__("struct").error):
            pass


def test_the_machines_resolver_is_read_from_its_file(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nsearch lan\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    assert system_resolver(file) == "192.0.2.53"
    assert system_resolver(tmp_path / "none") == ""

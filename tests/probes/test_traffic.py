from fallback.clock import VirtualClock
from fallback.probes.traffic import InboundProbe, ReceiptsProbe, Sends


async def test_each_sends_end_is_a_sample():
    taken = []
    sends = Sends(taken.append, VirtualClock())
    sends.acked(312.0)
    sends.unanswered(30_000.0)
    sends.failed()
    sends.failed("131016")
    assert [(one.outcome, one.latency_ms) for one in taken] == [
        ("ack", 312.0),
        ("no_ack", 30_000.0),
        ("error", None),
        ("err_131016", None),
    ]


async def test_receipts_are_judged_when_they_have_had_time():
    clock = VirtualClock()
    probe = ReceiptsProbe(clock)
    assert (await probe.sample()).outcome == "none"
    probe.sent("A", members=4)
    assert (await probe.sample()).outcome == "none"
    await clock.advance(121)
    assert (await probe.sample()).outcome == "stalled"
    probe.confirmed("A", "lina")
    probe.confirmed("A", "lina")
    assert (await probe.sample()).outcome == "stalled"
    probe.confirmed("A", "omar")
    assert (await probe.sample()).outcome == "ok"
    await clock.advance(600)
    assert (await probe.sample()).outcome == "none"


async def test_silence_is_stale_only_where_a_status_is_owed():
    clock = VirtualClock()
    probe = InboundProbe(clock)
    assert (await probe.sample()).outcome == "quiet"
    probe.received()
    assert (await probe.sample()).outcome == "fresh"
    assert (await probe.sample()).outcome == "quiet"
    probe.owed()
    assert (await probe.sample()).outcome == "quiet"
    await clock.advance(121)
    assert (await probe.sample()).outcome == "stale"
    probe.received()
    assert (await probe.sample()).outcome == "fresh"
    assert (await probe.sample()).outcome == "quiet"

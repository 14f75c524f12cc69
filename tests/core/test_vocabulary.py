import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.tracks import Votes
from fallback.core.vocabulary import Kind, Word, is_six, kind_of, word_of


@pytest.mark.parametrize(
    ("probe", "outcome", "kind"),
    [
        ("dns.sys", "ok", Kind.NAMES),
        ("doh.cf", "ok", Kind.NAMES),
        ("ctl.dns.sys", "ok", Kind.CONTROL_NAMES),
        ("ctl.http204", "ok", Kind.CONTROL),
        ("ctl.matrix", "ok", Kind.HOME),
        ("tls.web", "ok", Kind.RELAY_EDGE),
        ("tls6.web", "ok", Kind.RELAY_EDGE),
        ("tls.g", "ok", Kind.PHONE_EDGE),
        ("tls.e7", "ok", Kind.PHONE_EDGE),
        ("ws.web", "ok", Kind.CHAT),
        ("http.graph", "ok", Kind.GRAPH),
        ("meta.status", "high", Kind.HINT),
        ("ld.state", "connected", Kind.SESSION),
        ("cloud.send", "ack", Kind.SENDS),
        ("ca.webhook", "quiet", Kind.INBOUND),
        ("ld.receipts", "none", Kind.RECEIPTS),
        ("peer.cairo", "service_ok", Kind.PEER),
        ("member", "down:a", Kind.PEOPLE),
        ("ig.web", "timeout", Kind.SHOWN),
        ("anything", "no_ack", Kind.SENDS),
        ("anything", "stale", Kind.INBOUND),
        ("anything", "ok", Kind.SHOWN),
    ],
)
def test_a_probes_name_or_its_words_tell_the_kind_of_evidence(probe, outcome, kind):
    assert kind_of(probe, outcome, {}) is kind


def test_a_declared_role_tells_where_nothing_else_does():
    assert kind_of("lan.gateway", "ok", {"lan.gateway": "control"}) is Kind.CONTROL


@pytest.mark.parametrize(
    ("kind", "outcome", "word"),
    [
        (Kind.SENDS, "err_131016", Word.BAD),
        (Kind.SENDS, "err_503", Word.BAD),
        (Kind.SENDS, "err_190", Word.ACCOUNT),
        (Kind.SENDS, "err_200", Word.ACCOUNT),
        (Kind.SENDS, "err_130429", Word.IDLE),
        (Kind.SENDS, "err_131047", Word.IDLE),
        (Kind.SESSION, "temp_ban", Word.ACCOUNT),
        (Kind.SESSION, "connecting", Word.IDLE),
        (Kind.SESSION, "keepalive_timeout", Word.BAD),
        (Kind.RECEIPTS, "none", Word.IDLE),
        (Kind.PEER, "unreachable", Word.IDLE),
        (Kind.CONTROL, "unreachable", Word.BAD),
        (Kind.GRAPH, "http_429", Word.IDLE),
        (Kind.GRAPH, "http_500", Word.BAD),
    ],
)
def test_an_account_a_throttle_and_an_outage_are_three_things(kind, outcome, word):
    assert word_of(kind, outcome) is word


@pytest.mark.parametrize("probe", ["tls.web.v6", "tls6.web", "ctl.https6", "dns.sys.aaaa", "tls.web6"])
def test_a_probe_of_ipv6_is_known(probe):
    assert is_six(probe)
    assert not is_six("ctl.http204")
    assert not is_six("dns.q9")


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_outcome_of_every_kind_has_a_meaning(probe, outcome):
    assert word_of(kind_of(probe, outcome, {}), outcome) in Word


@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.sampled_from("abc"), st.sampled_from(["down", "up"])), max_size=40
    )
)
def test_a_person_has_one_voice_however_often_they_speak(said):
    votes, now = Votes(), 0.0
    for gap, who, word in said:
        now += gap
        votes.add(now, f"{word}:{who}")
    ups, downs = votes.count(now, ups_after=0.0, downs_after=0.0)
    assert ups + downs <= len({who for _, who, _ in said})

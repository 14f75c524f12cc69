"""What the detector says of whole stories: outages, look-alikes, people, and its own machine."""

import random
import re
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback.core.detector import Detector
from fallback.core.health import Cause, Health, Sample, State
from tests.core.world import CLOUD, CONTROLS, LINKED, OTHERS, SERVICE, World, at, first, play, run, states

END = 2400
LINK = "ld.state ld.send ld.receipts"
SEEDS = (1, 2, 3)


def world(seed, **more):
    return World(seed=seed, **{"noise": 0.005, **more})


def meta_gone(one):
    return (
        one.fail("tls ws http.graph", 600, END, "timeout")
        .fail("dns", 900, END, "servfail")
        .fail(LINK, 650, END)
        .fail("peer", 760, END)
    )


def server_side(one):
    return one.fail("ws", 600, END, "timeout", 0.6).fail(LINK, 650, END).fail("peer", 760, END)


def linked_devices_only(one):
    return one.fail("ws", 600, END).fail(LINK, 640, END).fail("peer", 750, END)


def group_sends(one):
    one.fail("ld.send", 600, END, "error", 0.9).fail("ld.receipts", 700, END).fail("peer", 800, END, "", 0.5)
    return one.say((890, "down:a"), (1000, "down:b"))


HARD = {
    "backbone": meta_gone,
    "server side": server_side,
    "5xx": lambda one: (
        one.fail("ws http.graph", 600, END, "http_503", 0.85).fail(LINK, 650, END).fail("peer", 760, END)
    ),
    "group sends": group_sends,
    "two votes, no traffic": lambda one: (
        server_side(one).fail("ld.receipts", 0, END, "none").say((800, "down:a"), (900, "down:b"))
    ),
    "cloud backend": lambda one: (
        one.fail("cloud.send", 610, END, "err_131000", 0.9)
        .fail("ws", 610, END, "timeout", 0.6)
        .fail("cloud", 720, END)
        .fail("peer", 720, END)
        .say((800, "down:a"), (900, "down:b"))
    ),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hard_failure_is_an_outage_within_eight_minutes_and_ends_with_proof(name, seed):
    traffic = 0 if "no traffic" in name else 45
    log = play(HARD[name](world(seed, cloud="cloud" in name, traffic=traffic, seconds=5400)))
    assert 600 < first(log, State.DOWN) <= 600 + 8 * 60
    assert at(log, 1500).state is State.DOWN
    assert at(log, 1500).cause is Cause.META_OUTAGE
    assert first(log, State.RECOVERING) >= END
    assert at(log, 5400).state is State.UP
    assert states(log).count("DOWN") == 1


def test_the_median_hard_failure_is_noticed_within_five_minutes():
    times = [
        first(play(HARD[name](world(seed, cloud="cloud" in name, traffic=45))), State.DOWN)
        for name in HARD
        for seed in SEEDS
    ]
    assert statistics.median(times) - 600 <= 300


LOOKALIKES = {
    "one resolver": lambda one: one.fail("dns.cf ctl.dns.cf", 600, END, "timeout"),
    "the system's resolver": lambda one: one.fail("dns.sys ctl.dns.sys", 600, END, "timeout"),
    "a blip": lambda one: (
        one.fail("tls ws", 600, 690, "timeout").fail("ld.state", 630, 710).fail("ld.send", 600, 700, "no_ack")
    ),
    "Facebook's login": lambda one: one.fail("http.graph", 600, END, "http_500", 0.7).say((1500, "down:a")),
    "a peer's trouble": lambda one: one.fail("peer", 600, END),
    "the homeserver": lambda one: one.fail("ctl.matrix", 600, END),
    "the connector": lambda one: one.fail("ld.state ld.send", 600, END).say((900, "down:a")),
    "linked devices": lambda one: linked_devices_only(one).say((790, "up:a"), (850, "up:b")),
    "one loud member": lambda one: one.say(*[(600 + 5 * n, "down:a") for n in range(300)]),
    "a member who turns round": lambda one: one.say(
        *[(600 + 5 * n, f"{('down', 'up')[n % 2]}:a") for n in range(300)]
    ),
    "members who disagree": lambda one: one.say(
        (700, "down:a"), (710, "down:b"), (720, "up:c"), (730, "up:d")
    ),
    "broken IPv6": lambda one: one.fail("tls.web.v6 tls.g.v6 ctl.https6", 0, END, "unreachable"),
    "lost packets": lambda one: (
        one.fail("dns tls ws http ctl", 600, END, "timeout", 0.25)
        .fail("ld.state", 650, END, "disconnected", 0.5)
        .fail("ld.send", 600, END, "no_ack", 0.4)
    ),
}


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_lookalike_never_switches_the_team(name, seed):
    more = {"tls.web.v6": 30, "tls.g.v6": 30, "ctl.https6": 60} if "IPv6" in name else {}
    log = play(LOOKALIKES[name](world(seed, more=more, seconds=4500)))
    assert State.DOWN not in {one.state for one in log}
    assert at(log, 4500).state is State.UP


CUT_OFF = {
    "no Internet": lambda one: one.fail("dns tls ws http ctl", 600, END, "timeout").fail(
        "peer meta", 600, END, "unreachable"
    ),
    "a captive portal": lambda one: (
        one.fail("ctl.http204 http.graph", 600, END, "redirect")
        .fail("ctl.https ctl.matrix tls ws", 600, END, "cert_mismatch")
        .fail("peer meta", 600, END, "unreachable")
    ),
    "a portal that forges names": lambda one: (
        one.fail("dns ctl.dns", 600, END, "bogus")
        .fail("ctl.http204 http.graph", 600, END, "http_200")
        .fail("ctl.https ctl.matrix tls ws", 600, END, "cert_mismatch")
    ),
    "a homeserver on this machine": lambda one: one.fail(
        "dns tls ws http ctl.dns ctl.http ctl.https", 600, END, "timeout"
    ),
}


@pytest.mark.parametrize("name", CUT_OFF)
@pytest.mark.parametrize("seed", SEEDS)
def test_our_own_network_is_never_whatsapps_outage(name, seed):
    one = (
        CUT_OFF[name](world(seed, seconds=4200))
        .fail("ld.state", 650, END + 50)
        .fail("ld.send", 600, END + 50)
    )
    log = play(one)
    assert set(states(log)) <= {"UP", "UNKNOWN", "DEGRADED"}
    for moment in (900, 1500, 2300):
        assert at(log, moment).state is State.UNKNOWN
        assert at(log, moment).cause is Cause.LOCAL_NETWORK
    assert at(log, 4200).state is State.UP


@pytest.mark.parametrize("trouble", ["logged_out", "stream_replaced", "temp_ban", "outdated"])
def test_an_accounts_trouble_is_told_and_never_switches_the_team(trouble):
    log = play(
        world(1)
        .fail("ld.state", 600, END, trouble)
        .fail("ld.send ld.receipts", 610, END)
        .say((900, "down:a"))
    )
    assert at(log, 700) == log[0]
    assert (log[0].state, log[0].cause) == (State.DEGRADED, Cause.ACCOUNT)
    assert "account" in log[0].why
    assert "DOWN" not in states(log)


def test_a_refused_token_of_the_cloud_api_is_the_accounts_trouble():
    log = play(world(2, cloud=True).fail("cloud.send", 610, END, "err_190"))
    assert {(one.state, one.cause) for one in log if one.at < END} == {(State.DEGRADED, Cause.ACCOUNT)}


def test_throttled_sends_are_no_outage():
    assert play(world(1, cloud=True).fail("cloud.send", 600, END, "err_130429", 0.9)) == []


def test_an_outage_shows_through_a_logged_out_device():
    log = play(meta_gone(world(1)).fail("ld.state", 0, 1, "").say((700, "down:a"), (800, "down:b")))
    assert first(log, State.DOWN) < 900
    logged_out = World(seed=1).fail("ld.state", 590, END, "logged_out")
    assert first(play(meta_gone(logged_out)), State.DOWN) < 1080


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cloud_relay_alone_never_switches_a_team_that_says_its_phones_work(seed):
    one = world(seed, cloud=True, seconds=6000).say((750, "up:a"), (790, "up:b"))
    one.fail("http.graph", 600, 5000, "http_503").fail("cloud.send", 600, 5000, "err_131016").fail(
        "peer", 750, 5000
    )
    log = play(one)
    assert "DOWN" not in states(log)
    assert at(log, 1200).cause is Cause.CONNECTOR
    assert at(log, 4900).state is State.DEGRADED


@pytest.mark.parametrize("seed", SEEDS)
def test_a_webhook_stall_is_told_within_five_minutes_and_is_no_outage(seed):
    log = play(world(seed, cloud=True).fail("cloud.webhook cloud.receipts", 600, END))
    assert first(log, State.DEGRADED) <= 900
    assert "DOWN" not in states(log)
    assert log[0].cause is Cause.CONNECTOR


@pytest.mark.parametrize("seed", SEEDS)
def test_a_partial_failure_is_told_within_five_minutes_of_traffic(seed):
    one = (
        world(seed, traffic=20)
        .fail("ld.send", 600, END, "no_ack", 0.4)
        .fail("ld.receipts", 600, END, "", 0.4)
    )
    log = play(one)
    assert first(log, State.DEGRADED) <= 900
    assert "DOWN" not in states(log)


BLOCKS = {
    "names hidden": lambda one: one.fail("dns.sys", 600, END, "nxdomain").fail("ws", 600, END, "dns_fail"),
    "all names forged": lambda one: one.fail("dns", 600, END, "bogus").fail("tls ws", 600, END, "dns_fail"),
    "connections reset": lambda one: one.fail("tls ws", 600, END, "reset"),
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_block_is_its_own_verdict(name, seed):
    log = play(BLOCKS[name](world(seed)).fail(LINK, 1500, END))
    assert {one.state for one in log if one.at < 1500} <= {State.DEGRADED}
    assert 1500 < first(log, State.DOWN) <= 1500 + 8 * 60
    assert {one.cause for one in log if one.state is State.DOWN} == {Cause.BLOCKED}
    assert "blocked" in at(log, 2300).why


def test_throttling_seen_only_from_here_is_a_block():
    one = world(1).fail("tls", 600, END, "timeout", 0.5).fail("ws", 600, END, "timeout", 0.6)
    log = play(
        one.fail("ld.send", 600, END, "no_ack", 0.7).fail("ld.receipts", 700, END).fail("ld.state", 900, END)
    )
    assert at(log, 2300).state is State.DOWN
    assert at(log, 2300).cause is Cause.BLOCKED


def test_names_that_return_are_no_recovery():
    one = World(seed=1, seconds=6000).fail("dns", 600, 2400, "servfail").fail("tls", 600, 2400, "timeout")
    one.fail("ws http.graph", 600, 4200, "http_503").fail(LINK, 650, 4200)
    log = play(one)
    assert {at(log, moment).state for moment in range(1200, 4200, 60)} == {State.DOWN}
    assert at(log, 6000).state is State.UP


def test_a_session_without_traffic_is_recovering_until_people_say_that_it_works():
    one = server_side(World(seed=1, traffic=0, seconds=4000)).fail("ld.receipts", 0, 4000, "none")
    assert at(play(one), 4000).state is State.RECOVERING
    log = play(one.say((3000, "up:a"), (3050, "up:b")))
    assert at(log, 4000).state is State.UP
    assert "2 members" in at(log, 4000).why


def test_a_session_that_returns_while_sends_fail_is_not_up():
    one = server_side(World(seed=1, seconds=4000)).fail("ld.send", END, 4000, "no_ack", 0.8)
    assert "UP" not in states(play(one))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_that_flaps_moves_the_team_few_times(seed):
    one = world(seed, seconds=9000)
    for begin in range(600, 7800, 900):
        one.fail("tls ws", begin, begin + 480, "timeout").fail(LINK, begin + 20, begin + 500).fail(
            "peer", begin + 100, begin + 500
        )
    log = play(one)
    assert states(log).count("DOWN") <= 3
    assert first(log, State.UP) > 7400


def test_short_flaps_are_told_and_move_nobody():
    one = world(1, seconds=5400)
    for begin in range(600, 4200, 240):
        one.fail("tls ws", begin, begin + 100, "timeout").fail("ld.state ld.send", begin + 20, begin + 120)
    log = play(one)
    assert "DOWN" not in states(log)
    assert at(log, 2000).state is State.DEGRADED


def test_members_without_any_other_sign_need_to_be_three():
    quiet = {"without": ("peer", "ld.send"), "traffic": 0}
    none = World(seed=1, **quiet).fail("ld.receipts", 0, 3600, "none")
    assert "DOWN" not in states(play(none.say((700, "down:a"), (720, "down:b"))))
    log = play(none.say((740, "down:c")))
    assert first(log, State.DOWN) <= 960


def test_a_reason_names_the_evidence_in_one_sentence():
    log = play(meta_gone(World(seed=1)).say((700, "down:a"), (710, "down:b")))
    why = next(one.why for one in log if one.state is State.DOWN)
    assert re.fullmatch(
        r"WhatsApp is down: [^.]*session with WhatsApp is lost[^.]*2 members say[^.]*unrelated hosts answer\)\.",
        why,
    )
    for one in log:
        assert one.why.endswith(".")
        assert one.why.count(". ") == 0


def test_an_unreachable_homeserver_is_no_place_to_move_to():
    log = play(meta_gone(World(seed=1)).fail("ctl.matrix", 600, 1800))
    assert "nowhere to move" in at(log, 1700).why
    assert first(log, State.DOWN) > 1800


# ── the machine and the operator ─────────────────────────────────────────────────────────────────


def test_a_suspended_machine_looks_at_everything_afresh():
    samples = linked_devices_only(World(seed=1)).samples()
    detector, log = Detector(), []
    for now in (*range(0, 760, 5), *range(2500, 3400, 5)):
        for sample in samples:
            if now - 5 < sample.at <= now:
                detector.feed(sample)
        if health := detector.tick(float(now)):
            log.append(health)
    assert [one.state for one in log] == [State.DEGRADED, State.UNKNOWN, State.UP]
    assert "slept" in log[1].why
    assert log[1].at == 2500


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86_400.0 * 365])
def test_a_clock_that_jumps_gives_no_verdict_from_old_samples(jump):
    detector = Detector()
    samples = meta_gone(World(seed=1)).samples()
    for sample in (one for one in samples if one.at <= 700):
        detector.feed(sample)
    detector.tick(700.0)
    assert detector.tick(700.0 + jump).state is State.UNKNOWN
    for step in range(1, 100):
        health = detector.tick(700.0 + jump + 5 * step)
        assert health is None or health.state is not State.DOWN


def test_silence_of_all_probes_is_our_own_trouble():
    samples = [one for one in World(seed=1).samples() if one.at < 900]
    log = run(samples, 2000)
    assert [(one.state, one.cause) for one in log] == [(State.UNKNOWN, Cause.LOCAL_NETWORK)]
    assert "No probe has reported" in log[0].why


def test_an_outage_outlasts_our_own_networks_failure():
    one = meta_gone(World(seed=1)).fail("ctl", 1200, 1500, "timeout")
    log = play(one)
    assert states(log)[1:4] == ["DOWN", "UNKNOWN", "DOWN"]
    assert at(log, 2300).cause is Cause.META_OUTAGE


def test_a_hand_on_the_switch_stays_until_it_is_taken_off():
    detector = Detector()
    set_down = detector.override(State.DOWN, "@lina:a.org", "phones are dead", 10.0)
    assert (set_down.state, set_down.why) == (State.DOWN, "Set by @lina:a.org: phones are dead.")
    for sample in World(seed=1, seconds=2000).samples():
        detector.feed(sample)
        assert detector.tick(10.0 + sample.at) is None
    detector.override(None, "@lina:a.org", "", 2020.0)
    assert detector.health.state is State.DOWN
    later = [health for now in range(2025, 3000, 5) if (health := _fed(detector, now))]
    assert [one.state for one in later] == [State.RECOVERING, State.UP]


def _fed(detector, now):
    for name in (*SERVICE, *CONTROLS, "ld.receipts", "peer"):
        detector.feed(Sample(now, name, {"peer": "service_ok"}.get(name, "ok")))
    detector.feed(Sample(now, "ld.state", "connected"))
    detector.feed(Sample(now, "ld.send", "ack", 200.0))
    return detector.tick(float(now))


def test_a_hand_beats_a_sleeping_machine():
    detector = Detector()
    detector.override(State.UP, "@lina:a.org", "drill is over", 0.0)
    detector.tick(5.0)
    assert detector.tick(90_000.0) is None
    assert detector.health.state is State.UP


def test_without_any_connector_paths_and_people_decide():
    client = {"without": ("ld.",), "traffic": 0, "noise": 0.005}
    log = play(meta_gone(World(seed=1, **client)))
    assert 600 < first(log, State.DOWN) <= 1080
    assert at(log, 3600).state is State.UP


def test_without_controls_only_people_can_call_an_outage():
    alone = World(seed=1, without=("ctl",))
    assert "DOWN" not in states(play(server_side(alone)))
    assert "DOWN" in states(play(alone.say((700, "down:a"), (710, "down:b"))))


# ── whatever the samples ─────────────────────────────────────────────────────────────────────────

NAMES = [*SERVICE, *OTHERS, *LINKED, *CLOUD, "ld.send", "cloud.send", "member"]
WORDS = ["ok", "timeout", "servfail", "nxdomain", "bogus", "reset", "http_503", "dns_fail", "disconnected", "connected",
         "logged_out", "ack", "no_ack", "error", "err_2", "stalled", "none", "stale", "fresh", "service_ok", "service_bad",
         "down:a", "down:b", "down:c", "up:a", "up:d", "", "☃", "down:", "err_x"]  # fmt: skip
STORY = st.lists(
    st.tuples(st.floats(0.1, 90), st.sampled_from(NAMES), st.sampled_from(WORDS), st.integers(1, 8)),
    max_size=60,
)


def story(steps, control):
    """Make samples of a story: each step repeats a probe's outcome; the controls go on beside."""
    now, samples = 0.0, []
    for gap, name, outcome, times in steps:
        for _ in range(times):
            now += gap
            samples.append(Sample(now, name, outcome))
    for name, every in CONTROLS.items():
        samples += [Sample(float(moment), name, control) for moment in range(0, int(now) + 1, every)]
    return sorted(samples, key=lambda one: one.at), now


@settings(max_examples=60, deadline=None)
@given(STORY, st.sampled_from(["timeout", "refused", "redirect", "cert_mismatch", "http_503", "unreachable"]))
def test_never_down_while_every_control_fails(steps, control):
    samples, end = story(steps, control)
    assert "DOWN" not in states(run(samples, end, step=10.0))


@settings(max_examples=60, deadline=None)
@given(STORY, st.booleans())
def test_never_down_while_messages_go_through_and_nobody_complains(steps, cloud):
    samples, end = story(
        [one for one in steps if one[1] not in ("member", "ld.send", "cloud.send", *LINKED, "http.graph")],
        "ok",
    )
    send = "cloud.send" if cloud else "ld.send"
    samples += [Sample(float(moment), send, "ack", 200.0) for moment in range(0, int(end) + 1, 30)]
    if not cloud:
        samples += [Sample(float(moment), "ld.state", "connected") for moment in range(0, int(end) + 1, 15)]
    samples.sort(key=lambda one: one.at)
    assert "DOWN" not in states(run(samples, end, step=10.0))


@settings(max_examples=80, deadline=None)
@given(STORY)
def test_no_story_moves_the_team_more_than_six_times_an_hour(steps):
    samples, end = story(steps, "ok")
    log = run(samples, end, step=10.0)
    falls = [
        new.at
        for old, new in zip([Health(), *log], log, strict=False)
        if new.state is State.DOWN is not old.state
    ]
    assert all(sum(moment <= fall < moment + 3600 for fall in falls) <= 6 for moment in falls)
    assert all(one.why and one.at <= end + 10 for one in log)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_word_of_any_probe_is_taken(probe, outcome):
    detector = Detector()
    for second in range(5):
        detector.feed(Sample(float(second), probe, outcome))
        detector.tick(float(second))


# ── a year of nothing much ───────────────────────────────────────────────────────────────────────

DAYS = 90
SEASONS = 4


def healthy_days(seed):
    """Draw what goes wrong around a WhatsApp that works; quiet hours between two troubles are left out."""
    draw = random.Random(seed)
    one = World(seed=seed, noise=0.01, traffic=90.0)
    rates = {"reconnect": 0.7, "isp": 0.4, "resolver": 0.1, "vote": 0.5, "peer": 0.3, "night": 1.0, "logout": 0.02,
             "blip": 0.1, "graph": 0.05, "crash": 0.05, "lossy": 0.1, "slow": 0.3, "homeserver": 0.1}  # fmt: skip
    troubles = [what for what, rate in rates.items() for _ in range(_poisson(draw, rate * DAYS))]
    draw.shuffle(troubles)
    now = 300.0
    for what in troubles:
        now += draw.uniform(0, 600)
        end = _trouble(one, what, now, draw)
        now = end if draw.random() < 0.9 else now
    one.seconds = now + 1800
    return one


def _poisson(draw, mean):
    count, total = 0, draw.expovariate(1.0)
    while total < mean:
        count, total = count + 1, total + draw.expovariate(1.0)
    return count


def _trouble(one, what, now, draw):
    long = min(3600, draw.expovariate(1 / 600) + 60)
    match what:
        case "reconnect":
            long = draw.uniform(15, 120)
            one.fail("ld.state", now, now + long).fail("ld.send", now, now + long)
        case "isp":
            one.fail("dns tls ws http ctl", now, now + long, "timeout").fail(
                "ld.state ld.send", now + 40, now + long + 60
            )
            one.fail("peer", now, now + long, "unreachable")
        case "resolver":
            name = draw.choice(["sys", "cf", "gg"])
            one.fail(f"dns.{name} ctl.dns.{name}", now, now + long, "timeout")
        case "vote":
            one.say((now, f"down:member{draw.randrange(12)}"))
        case "peer":
            one.fail("peer", now, now + long)
        case "night":
            one.fail("ld.receipts", now, now + long, "stalled", 0.5)
        case "logout":
            one.fail("ld.state", now, now + long, "logged_out").fail("ld.send", now, now + long)
        case "blip":
            long = draw.uniform(20, 100)
            one.fail("tls ws", now, now + long, "timeout").fail("ld.state ld.send", now + 20, now + long + 20)
        case "graph":
            one.fail("http.graph", now, now + long, "http_500", 0.7)
        case "crash":
            one.fail("ld.state ld.send", now, now + long)
        case "lossy":
            one.fail("dns tls ws http ctl", now, now + long, "timeout", 0.2).fail(
                "ld.send", now, now + long, "no_ack", 0.2
            )
        case "slow":
            one.fail("ld.send", now, now + long, "no_ack", 0.15)
        case "homeserver":
            one.fail("ctl.matrix", now, now + long)
    return now + long


def test_noisy_health_gives_at_most_one_false_outage_a_year():
    falls = sum(
        states(run(healthy.samples(), healthy.seconds, step=20.0)).count("DOWN")
        for healthy in map(healthy_days, range(SEASONS))
    )
    assert falls / (SEASONS * DAYS / 365.25) <= 1

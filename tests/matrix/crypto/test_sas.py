"""The state machine of a verification against itself: both roles, glare, and every kind of cheating."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import PermanentError
from fallback.matrix.crypto.canonical import SigningKey
from fallback.matrix.crypto.identity import CrossSigningKeys, read_chain
from fallback.matrix.crypto.sas import EMOJI, Flow, Stage
from tests.matrix.crypto.test_identity import Device, answer

ME, ANN = "@me:x", "@ann:x"
KINDS = ["ready", "start", "accept", "key", "mac", "done", "cancel", "other"]


def sides(*, room=""):
    made = []
    for user, other, ours in ((ANN, ME, True), (ME, ANN, False)):
        device, keys = Device(user, "D" + user[1]), CrossSigningKeys()
        proven = {f"ed25519:{device.device}": device.ed25519}
        proven[f"ed25519:{keys.public('master')}"] = keys.public("master")
        theirs = "" if ours else "Da"
        flow = Flow(
            user,
            device.device,
            other=other,
            transaction="t",
            keys=proven,
            ours=ours,
            room=room,
            their_device=theirs,
        )
        flow.chain = read_chain(answer(user, keys, (device, True)), user)
        made.append(flow)
    return made


def exchange(one, two, messages):
    """Hand messages over, and the answers back, until it is quiet."""
    while messages:
        answers = [found for kind, content in messages for found in two.receive(kind, content)]
        one, two, messages = two, one, answers


@pytest.mark.parametrize("room", ["", "!room:x"])
def test_both_see_the_same_emojis_and_prove_their_keys(room):
    one, two = sides(room=room)
    exchange(two, one, two.ready())
    assert (one.stage, two.stage) == (Stage.SHOWN, Stage.SHOWN)
    assert one.emoji == two.emoji
    assert one.decimals == two.decimals
    exchange(one, two, one.confirm())
    assert two.stage is Stage.SHOWN
    exchange(two, one, two.confirm())
    assert (one.stage, two.stage) == (Stage.PROVEN, Stage.PROVEN)
    assert one.check(two.chain).master == two.chain.master
    assert two.check(one.chain).device


def test_both_may_begin_at_once():
    one, two = sides()
    (ready,) = two.ready()
    (first,) = one.receive(*ready)
    (second,) = two.start()
    assert two.receive(*first) or one.receive(*second)
    assert Stage.CANCELLED not in (one.stage, two.stage)


def test_a_key_that_was_not_committed_to_is_refused():
    one, two = sides()
    (start,) = one.receive(*two.ready()[0])
    (accept,) = two.receive(*start)
    (key,) = one.receive(*accept)
    (theirs,) = two.receive(*key)
    other, _ = sides()
    other._open()
    assert one.receive("key", {**theirs[1], "key": other._public})[0][1]["code"] == "m.mismatched_commitment"


def test_a_server_that_shows_other_keys_is_found_out():
    one, two = sides()
    exchange(two, one, two.ready())
    exchange(one, two, one.confirm())
    exchange(two, one, two.confirm())
    keys, device = CrossSigningKeys(), Device(ME, two.device)
    for false in (
        read_chain(answer(ME, keys, (device, True)), ME),
        read_chain(answer(ME, None, (device, False)), ME),
        read_chain({}, ME),
    ):
        with pytest.raises(PermanentError, match="other keys"):
            one.check(false)


def test_a_changed_mac_is_refused():
    one, two = sides()
    exchange(two, one, two.ready())
    ((kind, content),) = one.confirm()
    content["mac"][f"ed25519:{SigningKey().public}"] = "x"
    assert two.receive(kind, content)[0][1]["code"] == "m.key_mismatch"


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.text(), st.none() | st.text())), max_size=5)
)
def test_no_message_whatever_breaks_a_flow_or_shows_emojis(messages):
    for flow in sides():
        for kind, content in messages:
            for name, said in flow.receive(kind, content):
                assert name in {"cancel", "start", "accept", "key"}
                assert said["transaction_id"] == "t"
        assert flow.stage not in (Stage.SHOWN, Stage.PROVEN, Stage.DONE)


def test_nothing_is_confirmed_before_it_was_shown():
    one, _ = sides()
    assert one.confirm() == []
    assert one.start() == []
    assert one.cancel()[0][1]["code"] == "m.user"
    assert one.cancel() == []


def test_the_signs_are_the_sixty_four_of_the_specification():
    names = [name for _, name in EMOJI]
    assert len(set(names)) == 64
    assert {"Spanner", "Aeroplane", "Thumbs Up", "Light Bulb"} <= set(names)

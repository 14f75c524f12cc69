import pytest

from fallback.errors import AuthError
from fallback.matrix.crypto.canonical import SigningKey, b64
from fallback.matrix.crypto.identity import CrossSigningKeys, read_chain
from fallback.matrix.crypto.store import Pin
from fallback.matrix.crypto.trust import Sharing, Trust

ME, ANN = "@me:x", "@ann:x"


class Device:
    """A device as ``OwnDevice``."""

    def __init__(self, user, device):
        self.user, self.device = user, device
        self.key = SigningKey()
        self.ed25519 = self.key.public

    def sign(self, data):
        return b64(self.key._key.sign(data))

    def published(self, owner=None):
        value = {
            "user_id": self.user,
            "device_id": self.device,
            "keys": {f"ed25519:{self.device}": self.ed25519, f"curve25519:{self.device}": "c"},
        }
        made = self.key.sign(value, self.user)
        own = made["signatures"][self.user].pop(f"ed25519:{self.ed25519}")
        made["signatures"][self.user][f"ed25519:{self.device}"] = own
        return owner.keys["self_signing"].sign(made, self.user) if owner else made


def answer(user, keys, *devices):
    body = keys.upload_body(devices[0][0]) if keys else {}
    published = {device.device: device.published(keys if owned else None) for device, owned in devices}
    parts = {f"{name}s": {user: body[name]} for name in body}
    return {"device_keys": {user: published}, **parts}


class Pins:
    def __init__(self, **pins):
        self.kept = pins

    def pins(self):
        return dict(self.kept)

    def save_pin(self, user, pin):
        self.kept[user] = pin

    def marked(self, flag):
        return set()


def test_a_chain_is_what_is_signed_from_the_master_key_down():
    keys, one, two = CrossSigningKeys(), Device(ANN, "ONE"), Device(ANN, "TWO")
    chain = read_chain(answer(ANN, keys, (one, True), (two, False)), ANN)
    assert (chain.master, chain.self_signing) == (keys.public("master"), keys.public("self_signing"))
    assert (set(chain.devices), chain.owned) == ({"ONE", "TWO"}, {"ONE"})


@pytest.mark.parametrize("part", ["self_signing_keys", "user_signing_keys"])
def test_a_key_that_the_master_key_has_not_signed_counts_for_nothing(part):
    keys, other, device = CrossSigningKeys(), CrossSigningKeys(), Device(ANN, "ONE")
    said = answer(ANN, keys, (device, True))
    said[part] = answer(ANN, other, (device, True))[part]
    chain = read_chain(said, ANN)
    assert "" in (chain.self_signing, chain.user_signing)
    if part == "self_signing_keys":
        assert not chain.owned


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["master_keys"][ANN].update(user_id=ME),
        lambda said: said["master_keys"][ANN].update(usage=["self_signing"]),
        lambda said: said["master_keys"][ANN].update(usage="master"),
        lambda said: said["master_keys"][ANN]["keys"].update({"ed25519:x": "x"}),
        lambda said: said["master_keys"].update({ANN: 3}),
        lambda said: said.update(master_keys=[]),
        lambda said: said["device_keys"][ANN]["ONE"].update(user_id=ME),
        lambda said: said["device_keys"][ANN]["ONE"].update(device_id="TWO"),
        lambda said: said["device_keys"][ANN]["ONE"].update(keys=[]),
        lambda said: said["device_keys"][ANN]["ONE"]["keys"].update({"ed25519:ONE": "x"}),
        lambda said: said["device_keys"][ANN].update(ONE=None),
    ],
)
def test_whatever_is_malformed_owns_no_device(change):
    said = answer(ANN, CrossSigningKeys(), (Device(ANN, "ONE"), True))
    change(said)
    assert not read_chain(said, ANN).owned


def test_seeds_must_be_those_of_the_published_keys():
    keys = CrossSigningKeys()
    chain = read_chain(answer(ME, keys, (Device(ME, "ONE"), True)), ME)
    assert CrossSigningKeys.matching(keys.seeds, chain).public("master") == chain.master
    with pytest.raises(AuthError, match="master secret"):
        CrossSigningKeys.matching({**keys.seeds, "master": bytes(32)}, chain)
    with pytest.raises(AuthError, match="incomplete"):
        CrossSigningKeys.matching({"master": keys.seeds["master"]}, chain)


def test_an_identity_is_pinned_at_first_sight_and_a_change_withholds_everything():
    pins = Pins()
    trust, device = Trust(ME, pins), Device(ANN, "ONE")
    first, second = CrossSigningKeys(), CrossSigningKeys()
    assert trust.learn(answer(ANN, first, (device, True))) == []
    assert trust.sharing(ANN, "ONE") is Sharing.SHARED
    assert trust.learn(answer(ANN, second, (device, True))) == [ANN]
    assert trust.learn(answer(ANN, second, (device, True))) == []
    assert trust.changed(ANN)
    assert trust.sharing(ANN, "ONE") is Sharing.WITHHELD
    assert Trust(ME, pins).changed(ANN)  # a restart remembers
    trust.accept(ANN, second.public("master"))
    assert trust.sharing(ANN, "ONE") is Sharing.SHARED
    assert pins.kept[ANN] == Pin(second.public("master"), second.public("master"))


def test_an_identity_that_vanishes_is_a_change_too():
    trust, device = Trust(ME, Pins()), Device(ANN, "ONE")
    trust.learn(answer(ANN, CrossSigningKeys(), (device, True)))
    assert trust.learn(answer(ANN, None, (device, False))) == [ANN]
    assert trust.changed(ANN)


def test_a_device_without_its_owners_signature_gets_nothing_unless_we_say_so():
    said = answer(ANN, None, (Device(ANN, "ONE"), False))
    strict, lenient = Trust(ME, Pins()), Trust(ME, Pins(), allow_unsigned=True)
    for trust in (strict, lenient):
        trust.learn(said)
    assert (strict.sharing(ANN, "ONE"), lenient.sharing(ANN, "ONE")) == (Sharing.WITHHELD, Sharing.SHARED)
    with_identity = answer(ANN, CrossSigningKeys(), (Device(ANN, "ONE"), False))
    lenient = Trust(ME, Pins(), allow_unsigned=True)
    lenient.learn(with_identity)
    assert lenient.sharing(ANN, "ONE") is Sharing.WITHHELD
    assert lenient.sharing("@nobody:x", "ONE") is Sharing.WITHHELD


def test_a_person_is_verified_when_our_own_key_has_signed_them():
    mine, theirs = CrossSigningKeys(), CrossSigningKeys()
    trust = Trust(ME, Pins())
    trust.learn(answer(ME, mine, (Device(ME, "MINE"), True)))
    said = answer(ANN, theirs, (Device(ANN, "ONE"), True))
    trust.learn(said)
    assert not trust.verified(ANN)
    said["master_keys"][ANN] = mine.keys["user_signing"].sign(said["master_keys"][ANN], ME)
    trust.learn(said)
    assert not trust.verified(ANN)  # we hold no key: the server could have made this one up
    trust.hold(mine.public("master"), mine.public("user_signing"))
    assert trust.verified(ANN)
    assert trust.verified(ME)
    assert trust.sharing(ANN, "ONE") is Sharing.VERIFIED

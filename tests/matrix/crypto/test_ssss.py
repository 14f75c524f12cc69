import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import AuthError, PermanentError
from fallback.matrix.crypto.ssss import StorageKey, decode_recovery_key, encode_recovery_key

KEY = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
WRITTEN = "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d"


def test_a_recovery_key_is_written_as_other_clients_write_it():
    assert encode_recovery_key(KEY) == WRITTEN
    assert decode_recovery_key(WRITTEN.replace(" ", "\n ")) == KEY


@given(st.binary(min_size=32, max_size=32))
def test_a_recovery_key_comes_back(key):
    assert decode_recovery_key(encode_recovery_key(key)) == key


@given(st.integers(0, 47), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
def test_one_wrong_letter_is_never_another_key_unseen(place, letter):
    text = WRITTEN.replace(" ", "")
    wrong = text[:place] + letter + text[place + 1 :]
    try:
        found = decode_recovery_key(wrong)
    except AuthError:
        return
    assert len(found) == 32  # a parity byte catches all but one in 256


@given(st.text())
def test_any_other_text_is_refused_with_a_reason(text):
    with pytest.raises(AuthError):
        decode_recovery_key(text)


@pytest.mark.parametrize("text", ["", "z" * 10_000, "0OIl", WRITTEN[:-2], WRITTEN + "1"])
def test_what_is_no_recovery_key_is_refused(text):
    with pytest.raises(AuthError):
        decode_recovery_key(text)


@given(st.text(), st.text())
def test_a_secret_comes_back_under_its_own_name_only(name, secret):
    key = StorageKey(KEY)
    locked = key.encrypt(name, secret)
    assert key.decrypt(name, locked) == secret
    with pytest.raises(AuthError, match="not locked"):
        key.decrypt(name + "x", locked)
    with pytest.raises(AuthError, match="not locked"):
        StorageKey(bytes(32)).decrypt(name, locked)


@pytest.mark.parametrize(
    "locked", [{}, {"iv": 1, "ciphertext": 2, "mac": 3}, {"iv": "é", "ciphertext": "", "mac": ""}]
)
def test_a_damaged_secret_is_an_error_of_ours(locked):
    with pytest.raises(AuthError):
        StorageKey(KEY).decrypt("m", locked)


def test_a_key_is_recognised_by_its_description():
    key = StorageKey(KEY)
    assert key.matches(key.description())
    assert not StorageKey(bytes(32)).matches(key.description())
    assert not key.matches({"iv": "é", "mac": 3})
    assert not key.matches({"iv": "", "mac": ""})


def test_a_passphrase_is_stretched_as_the_specification_says():
    info = {"algorithm": "m.pbkdf2", "salt": "MmMsAlty", "iterations": 1000}
    one, two = (StorageKey.from_passphrase("secret", info) for _ in range(2))
    assert one.key == two.key != StorageKey.from_passphrase("other", info).key


@pytest.mark.parametrize(
    "info",
    [
        {"algorithm": "m.other", "salt": "s", "iterations": 1},
        {"algorithm": "m.pbkdf2", "salt": "s", "iterations": 10**12},
        {"algorithm": "m.pbkdf2", "salt": "s", "iterations": 0},
        {"algorithm": "m.pbkdf2", "salt": "s", "iterations": "1"},
        {"algorithm": "m.pbkdf2", "salt": "s", "iterations": 1, "bits": 8},
    ],
)
def test_a_servers_unreasonable_stretching_is_refused(info):
    with pytest.raises(PermanentError):
        StorageKey.from_passphrase("secret", info)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.matrix.crypto.canonical import SigningKey, b64, canonical, is_signed, signable, signed, unb64

SEED = unb64("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}"),
        ({"two": "Two", "one": 1}, '{"one":1,"two":"Two"}'),
        ({"b": "2", "a": "1"}, '{"a":"1","b":"2"}'),
        ({"a": "日本語"}, '{"a":"日本語"}'),
        ({"本": 2, "日": 1}, '{"日":1,"本":2}'),
        ({"a": None, "b": [True, {"d": 1, "c": 2}]}, '{"a":null,"b":[true,{"c":2,"d":1}]}'),
    ],
)
def test_canonical_json_is_that_of_the_specification(value, text):
    assert canonical(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        ({}, "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"),
        (
            {"one": 1, "two": "Two"},
            "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
        ),
    ],
)
def test_a_signature_is_that_of_the_specifications_example(value, signature):
    key = SigningKey(SEED)
    assert key.sign(value, "domain")["signatures"]["domain"][f"ed25519:{key.public}"] == signature


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_what_was_signed_is_recognised_and_what_was_changed_is_not(value):
    value = {name: part for name, part in value.items() if name not in ("signatures", "unsigned")}
    key = SigningKey(SEED)
    name = f"ed25519:{key.public}"
    made = key.sign(value, "@a:x")
    assert is_signed({**made, "unsigned": {"age": 1}}, "@a:x", name, key.public)
    assert not is_signed({**made, "added": 1, "x": 2}, "@a:x", name, key.public)
    assert not is_signed(made, "@b:x", name, key.public)
    assert not is_signed(made, "@a:x", name, SigningKey().public)


@given(JSON)
def test_whatever_is_malformed_is_not_signed(value):
    for hostile in (value, {"signatures": value}, {"signatures": {"@a:x": value}}):
        assert not is_signed(hostile, "@a:x", "ed25519:k", SigningKey(SEED).public)
    assert not is_signed({"signatures": {"@a:x": {"ed25519:k": "é"}}}, "@a:x", "ed25519:k", "é")


def test_a_second_signature_keeps_the_first_and_the_original():
    one = signed({"a": 1}, "@a:x", "ed25519:1", "s")
    two = signed(one, "@a:x", "ed25519:2", "t")
    assert two["signatures"]["@a:x"] == {"ed25519:1": "s", "ed25519:2": "t"}
    assert one["signatures"]["@a:x"] == {"ed25519:1": "s"}
    assert signable(two) == b'{"a":1}'


@given(st.binary())
def test_base64_comes_back_with_and_without_padding(data):
    text = b64(data)
    assert "=" not in text
    assert unb64(text) == unb64(text + "=" * (-len(text) % 4)) == data


def test_what_is_no_base64_is_refused():
    with pytest.raises(ValueError, match="base64"):
        unb64("a!b")

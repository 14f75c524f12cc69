"""Key slots and where their secrets come from."""

import sys
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import AuthError, StoreError, UsageError
from fallback.store import asking, sources
from fallback.store.slots import Cost, check_passphrase, derive, seal, unseal, unwrap, wrap

LIGHT = Cost(memory=32, passes=1, lanes=1)
ROOT = bytes(range(32))
KINDS = ("passphrase", "file", "credential", "keyring")


@pytest.mark.parametrize("kind", KINDS)
@given(secret=st.binary(min_size=1, max_size=80), root=st.binary(min_size=32, max_size=32), other=st.binary())
def test_a_slot_gives_the_root_key_to_its_secret_alone(kind, secret, root, other):
    slot = wrap(root, kind, secret, vault="v 1 x ", cost=LIGHT)
    assert unwrap(slot, secret, vault="v 1 x ") == root
    assert unwrap(slot, secret, vault="v 2 x ") is None
    assert other == secret or unwrap(slot, other, vault="v 1 x ") is None
    assert root.hex() not in msgspec.json.encode(slot).decode()


@pytest.mark.parametrize("kind", KINDS)
def test_two_slots_of_one_secret_have_nothing_in_common(kind):
    one, two = (wrap(ROOT, kind, b"secret", vault="v", cost=LIGHT) for _ in range(2))
    assert one.id != two.id
    assert one.salt != two.salt
    assert one.wrapped[24:] != two.wrapped[24:]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "00000000"},
        {"kind": "file"},
        {"source": "elsewhere"},
        {"salt": "00" * 16},
        {"salt": ""},
        {"salt": "zz" * 16},
        {"wrapped": ""},
        {"wrapped": "00" * 60},
        {"wrapped": "zz"},
        {"cost": Cost(memory=64, passes=1, lanes=1)},
        {"cost": Cost(memory=32, passes=2, lanes=1)},
        {"cost": Cost(memory=2**40, passes=1, lanes=1)},
        {"cost": Cost(memory=0, passes=0, lanes=0)},
        {"cost": Cost(memory=32, passes=1, lanes=16)},
        {"cost": None},
    ],
    ids=str,
)
def test_a_changed_slot_opens_no_more_and_eats_no_memory(change):
    slot = wrap(ROOT, "passphrase", b"secret", vault="v", cost=LIGHT)
    assert unwrap(msgspec.structs.replace(slot, **change), b"secret", vault="v") is None


def test_each_bit_of_a_wrapped_key_counts():
    slot = wrap(ROOT, "file", b"secret", vault="v", cost=LIGHT)
    sealed = bytes.fromhex(slot.wrapped)
    for number in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[number // 8] ^= 1 << number % 8
        assert unwrap(msgspec.structs.replace(slot, wrapped=changed.hex()), b"secret", vault="v") is None


def test_the_usual_cost_is_that_of_the_format():
    assert Cost() == Cost(memory=65536, passes=3, lanes=4)
    slot = wrap(ROOT, "passphrase", b"correct horse", vault="v", cost=Cost())
    assert unwrap(slot, b"correct horse", vault="v") == ROOT
    assert unwrap(slot, b"correct house", vault="v") is None


def test_the_format_is_held_by_a_known_answer():
    assert derive(ROOT, "db").hex() == "b3337f4af9fb78b08255ccec93a7c23836b77bac8765207f6297dca1d95f536b"
    assert (
        LIGHT.stretch(b"correct horse", bytes(16)).hex()
        == "2c4688b6f8b146dae868a20b3e234a13ff44915e48f4f234eb5dcba267b61696"
    )


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary())
def test_a_sealed_key_opens_with_its_key_and_context_alone(key, value, bound):
    sealed = seal(key, value, bound)
    assert unseal(key, sealed, bound) == value
    assert unseal(key, sealed, bound + b"x") is None
    assert unseal(derive(key, "other"), sealed, bound) is None


def test_keys_for_two_purposes_differ():
    assert len({derive(ROOT, purpose) for purpose in ("db", "nio", "media", "backup")}) == 4


def test_a_short_passphrase_is_refused():
    with pytest.raises(AuthError, match="too short"):
        check_passphrase(b"1234567")
    assert check_passphrase("كلمة".encode()) == "كلمة".encode()


# Sources


def slot_for(kind, folder, source=""):
    place, secret = sources.new_secret(kind, folder, "vault-id", source)
    return wrap(ROOT, kind, secret, vault="v", source=place, cost=LIGHT), secret


@pytest.fixture
def keyring(monkeypatch):
    kept = {}
    fake = SimpleNamespace(
        get_password=lambda service, name: kept.get((service, name)),
        set_password=lambda service, name, value: kept.__setitem__((service, name), value),
        errors=SimpleNamespace(KeyringError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "keyring", fake)
    return kept


def test_a_key_file_is_made_for_its_owner_alone_and_found_again(tmp_path):
    slot, secret = slot_for("file", tmp_path)
    assert sources.existing(slot, tmp_path) == secret
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600
    assert slot_for("file", tmp_path)[1] == secret


def test_a_key_file_elsewhere_keeps_its_path(tmp_path):
    slot, secret = slot_for("file", tmp_path / "profile", str(tmp_path / "stick" / "my.key"))
    assert slot.source == str(tmp_path / "stick" / "my.key")
    assert sources.existing(slot, tmp_path / "profile") == secret
    (tmp_path / "stick" / "my.key").unlink()
    with pytest.raises(AuthError, match=r"my\.key is missing"):
        sources.existing(slot, tmp_path / "profile")


def test_a_credential_is_read_where_systemd_puts_it(tmp_path, monkeypatch):
    (tmp_path / "fallback-key").write_bytes(b"\0" * 40)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    slot, secret = slot_for("credential", tmp_path, str(tmp_path / "fallback-key"))
    with pytest.raises(AuthError, match="handed over no credential"):
        sources.existing(slot, tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert sources.existing(slot, tmp_path) == secret == slot_for("credential", tmp_path)[1]
    (tmp_path / "fallback-key").write_bytes(b"short")
    with pytest.raises(AuthError, match="too short"):
        sources.existing(slot, tmp_path)
    (tmp_path / "fallback-key").unlink()
    with pytest.raises(AuthError, match="can't be read"):
        sources.existing(slot, tmp_path)


def test_a_keyring_entry_is_made_once(tmp_path, keyring):
    slot, secret = slot_for("keyring", tmp_path)
    assert keyring == {("fallback", "vault-id"): secret.hex()}
    assert sources.existing(slot, tmp_path) == secret == slot_for("keyring", tmp_path)[1]
    keyring.clear()
    with pytest.raises(AuthError, match="no entry fallback/vault-id"):
        sources.existing(slot, tmp_path)
    keyring["fallback", "vault-id"] = "no hex"
    with pytest.raises(AuthError, match="gives no key"):
        sources.existing(slot, tmp_path)


def test_a_keyring_that_refuses_is_an_error_with_a_hint(tmp_path, keyring, monkeypatch):
    def refuse(*_):
        raise RuntimeError("locked")

    monkeypatch.setattr(sys.modules["keyring"], "get_password", refuse)
    with pytest.raises(AuthError, match="can't be used") as caught:
        slot_for("keyring", tmp_path)
    assert caught.value.hint


def test_without_the_package_the_keyring_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AuthError, match="not installed") as caught:
        slot_for("keyring", tmp_path)
    assert "fallback[keyring]" in caught.value.hint


def test_a_passphrase_has_no_source(tmp_path):
    with pytest.raises(UsageError):
        slot_for("passphrase", tmp_path)
    with pytest.raises(UsageError):
        sources.existing(wrap(ROOT, "passphrase", b"x", vault="v", cost=LIGHT), tmp_path)


def test_a_key_file_that_holds_none_is_named(tmp_path):
    slot, _ = slot_for("file", tmp_path)
    (tmp_path / "vault.key").write_text("hello")
    with pytest.raises(StoreError, match="holds no key"):
        sources.existing(slot, tmp_path)


# Passphrases


@pytest.mark.parametrize(
    ("content", "means"),
    [
        (b"correct horse", b"correct horse"),
        (b"correct horse\n", b"correct horse"),
        (b"correct horse\r\n", b"correct horse"),
        (b" two\nlines \n\n", b" two\nlines \n"),
        ("A\u030a nine lives".encode(), "\u00c5 nine lives".encode()),
        ("حصان صحيح\n".encode(), "حصان صحيح".encode()),
    ],
)
def test_a_passphrase_file_means_its_text(tmp_path, monkeypatch, content, means):
    (tmp_path / "secret").write_bytes(content)
    assert asking.from_file(tmp_path / "secret") == means
    monkeypatch.setenv("FALLBACK_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert list(asking.attempts("?")) == [means]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_passphrase_file_that_is_none_is_an_error_without_its_content(tmp_path, content):
    if content:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(AuthError, match="no passphrase can be read"):
        asking.from_file(tmp_path / "secret")


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    monkeypatch.delenv("FALLBACK_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr(sys, "stdin", open("/dev/null"))  # noqa: PTH123, SIM115
    with sys.stdin, pytest.raises(AuthError, match="no terminal") as caught:
        next(asking.attempts("?"))
    assert "FALLBACK_PASSPHRASE_FILE" in caught.value.hint

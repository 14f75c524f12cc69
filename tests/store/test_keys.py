"""The key file."""

import logging

import pytest

from fallback.errors import StoreError
from fallback.store.keys import key_file, load_or_make


def test_a_new_store_gets_a_random_key_for_its_owner_alone(path):
    key = load_or_make(path)
    assert len(key) == 32
    assert key_file(path).stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_or_make(path) == key
    assert load_or_make(path.with_name("other.db")) != key


def test_a_store_without_its_key_gets_no_new_one(path):
    load_or_make(path)
    key_file(path).unlink()
    path.write_bytes(b"database")
    with pytest.raises(StoreError, match=r"the key of .* is missing") as caught:
        load_or_make(path)
    assert str(key_file(path)) in caught.value.hint
    assert not key_file(path).exists()


@pytest.mark.parametrize("content", [b"", b"abc", b"00" * 31, b"zz" * 32, "مفتاح".encode()])
def test_a_file_that_holds_no_key_is_refused(path, content):
    load_or_make(path)
    key_file(path).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        load_or_make(path)
    assert caught.value.hint


def test_a_key_that_others_could_read_is_closed_and_told(path, caplog):
    key = load_or_make(path)
    key_file(path).chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert load_or_make(path) == key
    assert key_file(path).stat().st_mode & 0o777 == 0o600
    assert "readable for others" in caplog.text
    assert key.hex() not in caplog.text

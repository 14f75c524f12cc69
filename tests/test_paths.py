"""Folders and files of a profile."""

import pytest

from fallback.errors import UsageError
from fallback.paths import Profile, private_file


def test_a_profiles_folder_is_its_owners_alone():
    assert Profile("x").data.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "x" * 33, ".", "-x"])
def test_a_name_cannot_climb_out(name):
    with pytest.raises(UsageError):
        Profile(name)


def test_a_private_file_is_written_whole_and_for_its_owner(tmp_path):
    private_file(tmp_path / "k", b"one")
    private_file(tmp_path / "k", b"two")
    assert (tmp_path / "k").read_bytes() == b"two"
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["k"]

"""One process owns a profile."""

import os
import subprocess
import sys

import pytest

from fallback.errors import ProfileBusyError
from fallback.store.lock import ProfileLock

HOLD = """
import sys
from pathlib import Path
from fallback.store.lock import ProfileLock
sys.argv[1:] = ["relay", "--token", "secret"]
lock = ProfileLock(Path(sys.stdin.readline().strip()), "work")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.lock"


@pytest.fixture
def holder(file):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(f"{file}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_it(file, holder):
    with pytest.raises(ProfileBusyError) as caught:
        ProfileLock(file, "work")
    assert caught.value.message == f"profile work is in use by process {holder.pid} (fallback relay)"
    assert "--profile" in caught.value.hint


def test_a_killed_owner_frees_it(file, holder):
    holder.kill()
    holder.wait()
    ProfileLock(file, "work").release()


def test_a_second_lock_of_the_same_process_is_refused(file):
    with ProfileLock(file, "work"), pytest.raises(ProfileBusyError, match=f"process {os.getpid()} "):
        ProfileLock(file, "work")


def test_a_released_lock_can_be_taken_again(file):
    lock = ProfileLock(file, "work")
    lock.release()
    lock.release()
    with ProfileLock(file, "work"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_an_owner_that_left_no_name_is_another_process(file):
    with ProfileLock(file, "work"):
        file.write_text("")
        with pytest.raises(ProfileBusyError, match="in use by another process"):
            ProfileLock(file, "work")


def test_a_hostile_name_in_the_file_is_made_safe(file):
    with ProfileLock(file, "work"):
        file.write_text("12\n\x1b]0;pwned\x07evil\n")
        with pytest.raises(ProfileBusyError) as caught:
            ProfileLock(file, "work")
    assert "\x1b" not in caught.value.message

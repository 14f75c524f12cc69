import os
import subprocess
import sys

from fallback.homeserver.lock import PidLock, holder

HOLD = """
import sys, time
from pathlib import Path
from fallback.homeserver.lock import PidLock
assert PidLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_nobody_holds_a_file_that_is_not_there_or_was_left_behind(tmp_path):
    assert holder(tmp_path / "pid") is None
    (tmp_path / "pid").write_text("1\n")
    assert holder(tmp_path / "pid") is None


def test_the_holder_is_named_until_it_lets_go(tmp_path):
    lock = PidLock(tmp_path / "pid")
    assert lock.acquire()
    assert holder(lock.path) == os.getpid()
    assert not PidLock(lock.path).acquire(0)
    lock.release()
    lock.release()
    assert holder(lock.path) is None


def test_the_lock_dies_with_its_holder(tmp_path):
    path = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert holder(path) == other.pid
        other.kill()
        other.wait()
        assert holder(path) is None
        assert path.read_text() == f"{other.pid}\n"


def test_a_holder_that_has_not_signed_yet_still_counts(tmp_path):
    lock = PidLock(tmp_path / "pid")
    lock.acquire()
    os.truncate(lock.path, 0)
    assert holder(lock.path) == 0
    lock.release()

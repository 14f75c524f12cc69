"""What goes wrong in practice: each a clear error, nothing lost, and the same command goes on."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fallback.__main__ import main as program

NEWSROOM = Path(__file__).parents[2] / "examples" / "exports" / "newsroom-ar.zip"
CHAT = "04/10/2021, 18:05 - Sara: hello\n04/10/2021, 18:06 - Omar: hi\n"


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/").replace("_txt", ".txt"), data)
    return path


def missing(folder):
    return folder / "gone.zip"


def empty(folder):
    (folder / "empty.zip").touch()
    return folder / "empty.zip"


def truncated(folder):
    data = NEWSROOM.read_bytes()
    (folder / "cut.zip").write_bytes(data[: len(data) // 2])
    return folder / "cut.zip"


def locked(folder):
    path = zipped(folder / "locked.zip", chat_txt=CHAT)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature) + offset
        data[at : at + 2] = struct.pack("<H", struct.unpack_from("<H", data, at)[0] | 1)
    path.write_bytes(data)
    return path


def another_kind(folder):
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20)
    return folder / "photo.jpg"


def bomb(folder):
    return zipped(folder / "bomb.zip", chat_txt=CHAT + "0" * 300_000_000)


def climbing(folder):
    path = folder / "climb.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../etc/cron.d/x.txt", CHAT)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "no file"),
        (empty, "empty"),
        (truncated, "part of one"),
        (locked, "password"),
        (another_kind, "photo.jpg"),
        (bomb, "bomb|unpack|larger|times"),
        (climbing, "climb|outside|folder"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_export_is_named_and_changes_nothing(make, says, tmp_path, capsys):
    import re

    path = make(tmp_path)
    with pytest.raises(SystemExit) as end:
        program(["migrate", str(path), "--yes"])
    shown = capsys.readouterr().err
    assert end.value.code == 5
    assert re.search(says, shown, re.IGNORECASE), shown
    assert "Traceback" not in shown
    assert not (tmp_path / "data" / "default" / "homeserver").exists()


@pytest.mark.live
@pytest.mark.xdist_group("bad input")
class TestLive:
    """With the real homeserver."""

    def run(self, *arguments, **fields):
        return subprocess.run(
            [sys.executable, "-m", "fallback", *arguments],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            **fields,
        )

    def test_a_port_in_use_is_named(self, tmp_path):
        file = tmp_path / "config" / "default" / "fallback.toml"
        file.parent.mkdir(parents=True)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            file.write_text(f"[homeserver]\nport = {port}\n")
            done = self.run("migrate", str(NEWSROOM), "--yes")
        assert done.returncode == 8
        assert f"port {port} is in use" in done.stderr

    def test_a_homeserver_that_dies_and_a_second_process_lose_nothing(self):
        command = [
            sys.executable,
            "-m",
            "fallback",
            "migrate",
            str(NEWSROOM),
            "--yes",
            "--timezone",
            "Asia/Baghdad",
        ]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert any("importing: 104 of 520" in line for line in process.stderr)
            second = self.run("migrate", str(NEWSROOM), "--yes")
            assert second.returncode == 7
            assert f"process {process.pid}" in second.stderr
            status = json.loads(self.run("homeserver", "status", "--json").stdout)
            os.kill(status["pid"], signal.SIGKILL)
            shown = process.stderr.read()
        assert process.returncode == 8, shown
        assert "the homeserver died during the import" in shown
        assert "run the same command again" in shown
        again = self.run(*command[3:])
        assert again.returncode == 0, again.stderr
        assert "verified: 520 events in the export, 520 in the room, 0 differences" in again.stdout

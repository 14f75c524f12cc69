"""Logs hold nothing that is nobody's business."""

import json
import logging

import pytest

from fallback.logs import redact, to_file


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    "secret", ["syt_abc_DEF_1", "Bearer abc", "password=hunter2", '"access_token": "x"', "+962791234567"]
)
def test_secrets_and_numbers_are_taken_out(secret):
    assert secret not in redact(f"before {secret} after")


def test_a_log_is_its_owners_alone_and_one_line_a_record(tmp_path):
    path = tmp_path / "x.log"
    to_file(path)
    logging.getLogger("t").info("one\ntwo \x1b[31m")
    assert path.stat().st_mode & 0o777 == 0o600
    (line,) = path.read_text().splitlines()
    assert "\x1b" not in line


def test_json_logs_are_json(tmp_path):
    path = tmp_path / "x.log"
    to_file(path, as_json=True)
    logging.getLogger("t").warning("سلام")
    assert json.loads(path.read_text()) | {"at": 0} == {
        "at": 0,
        "level": "warning",
        "logger": "t",
        "message": "سلام",
    }

"""Logging to the profile's file, in JSON lines or plain, with what is nobody's business taken out."""

import json
import logging
import os
import re
import time
from pathlib import Path

from fallback.text import coded, sanitise

_SECRET = re.compile(
    r"(?i)\bsyt_\w+|\bm[ac][rt]_\w+|bearer\s+\S+"
    r"|(?:access_token|refresh_token|as_token|hs_token|password|passphrase|secret|key)[\"']?\s*[=:]\s*\S+"
)
_KEY = re.compile(
    r"(?<![$!\w+/-])[A-Za-z0-9+/]{43}=?(?![\w+/])"  # 32 bytes; ids of events and rooms begin with a sign
    r"|\b(?:[1-9A-HJ-NP-Za-km-z]{4} ){11}[1-9A-HJ-NP-Za-km-z]{4}\b"  # a recovery key as people read it
)
_PHONE = re.compile(r"\+\d(?:[ \u00a0().-]?\d){6,14}(?!\d)")
_LOCAL = re.compile(r"(?<=wa_)\d{5,15}|(?<!\d)\d{5,20}(?=@(?:s\.whatsapp\.net|c\.us|lid)\b)")


def redact(text: str) -> str:
    """Take tokens, passwords, keys and phone numbers, also those in names of ghosts, out of a line."""
    return _LOCAL.sub("…", _PHONE.sub("+…", _KEY.sub("…", _SECRET.sub("…", text))))


class _Line(logging.Formatter):
    """One line a record; a message can't forge a second one."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        text = redact(sanitise(record.getMessage()))
        if record.exc_info:
            text += " | " + redact(self.formatException(record.exc_info))
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        if self.as_json:
            fields = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": text}
            return coded(json.dumps(fields, ensure_ascii=False))
        return f"{at} {record.levelname:<7} {record.name}: {text!r}"[:4000]


def to_file(path: Path, *, level: str = "INFO", as_json: bool = False) -> None:
    """Send all logging to a file that only its owner can read; nothing goes to the terminal."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    _install(logging.FileHandler(path, encoding="utf-8"), level, as_json=as_json)


def to_stderr(*, level: str = "INFO", as_json: bool = False) -> None:
    """Send all logging to stderr, as a daemon under systemd wants it."""
    _install(logging.StreamHandler(), level, as_json=as_json)


def _install(handler: logging.Handler, level: str, *, as_json: bool) -> None:
    handler.setFormatter(_Line(as_json=as_json))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("nio").setLevel(logging.WARNING)

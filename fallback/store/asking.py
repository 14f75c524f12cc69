"""Where a passphrase comes from: a file that is named, or a person at a terminal; never an argument."""

import getpass
import os
import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from fallback.errors import AuthError

VARIABLE = "FALLBACK_PASSPHRASE_FILE"
_TRIES = 3


def attempts(question: str, file: Path | None = None) -> Iterator[bytes]:
    """Give the passphrases to try: one from a file, else what a person types, three times at most.

    Args:
        file: where it is kept; that of ``FALLBACK_PASSPHRASE_FILE`` where not given.

    Raises:
        AuthError: the file can't be read, or there is none and nobody to ask.
    """
    named = file or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        yield from_file(named)
        return
    for number in range(_TRIES):
        yield typed(question if not number else f"Wrong. {question}")


def chosen(question: str, file: Path | None = None) -> bytes:
    """Get a new passphrase: from a file, or typed twice.

    Raises:
        AuthError: as above, or the two differ.
    """
    if file is not None:
        return from_file(file)
    first = typed(question)
    if typed("Once more: ") != first:
        raise AuthError("the two passphrases differ", "Try again; nothing was changed.")
    return first


def from_file(file: Path) -> bytes:
    """Read a passphrase from a file; a line end after it does not count."""
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AuthError(
            f"no passphrase can be read from {file}", f"Look at the file that {VARIABLE} names."
        ) from error
    return _plain(text.removesuffix("\n").removesuffix("\r"))


def typed(question: str) -> bytes:
    """Ask at the terminal, without showing what is typed; Ctrl-C ends the program as elsewhere."""
    if not sys.stdin.isatty():
        raise AuthError(
            "a passphrase is needed and there is no terminal to ask at",
            f"Set {VARIABLE}, or add a key file: fallback vault slots add file",
        )
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        return _plain(getpass.getpass(question))
    except EOFError as error:
        raise AuthError("no passphrase was given", "Nothing was changed.") from error
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


def _plain(text: str) -> bytes:
    """Give the same bytes for the same text, whichever keyboard made it."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")

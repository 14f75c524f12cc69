"""The exception tree; each leaf has an exit code and says what the person can do next.

::

    FallbackError                1
    ├── UsageError               2   a command or value that makes no sense
    ├── ConfigError              3   fallback.toml or a FALLBACK_* variable is wrong
    ├── AuthError                4   an account, token or key was refused
    ├── ParseError               5   an export that can't be read (names the line)
    │   └── ArchiveError         5   a zip that is damaged, locked or hostile
    ├── StoreError               6   the local store: locked, damaged, newer, no space
    │   ├── ProfileBusyError     7   another process owns this profile
    │   └── StoreBlockedError    6   for the moment: no space, or somebody else writes
    ├── HomeserverError          8   the managed homeserver can't be started or has died
    ├── TransientError           9   try again later (carries ``retry_after``)
    ├── PermanentError          10   the other side said no and will say it again
    └── InterruptedWorkError   130   stopped half-way; the same command goes on
"""


class FallbackError(Exception):
    """Any error that a person sees: one sentence, and what to do next.

    Args:
        message: one sentence without a final period.
        hint: what to do next, one sentence; empty where nothing helps.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FallbackError):
    """A command or a value that makes no sense."""

    exit_code = 2


class ConfigError(FallbackError):
    """The configuration is wrong; the message names the file and the key."""

    exit_code = 3


class AuthError(FallbackError):
    """An account, token or key was refused."""

    exit_code = 4


class ParseError(FallbackError):
    """An export that can't be read.

    Args:
        line: the line's number in the file, from 1; 0 where no single line is to blame.
    """

    exit_code = 5

    def __init__(self, message: str, hint: str = "", *, line: int = 0) -> None:
        super().__init__(message, hint)
        self.line = line


class ArchiveError(ParseError):
    """A zip that is damaged, locked or hostile."""


class StoreError(FallbackError):
    """The local store can't be used: damaged, of a newer version, or without space."""

    exit_code = 6


class ProfileBusyError(StoreError):
    """Another process owns this profile."""

    exit_code = 7


class StoreBlockedError(StoreError):
    """The store can't be written for the moment; what was not kept may be tried again."""


class HomeserverError(FallbackError):
    """The managed homeserver can't be started or has died."""

    exit_code = 8


class TransientError(FallbackError):
    """It did not work now and may work later.

    Args:
        retry_after: seconds to wait, where the other side named them; else 0.
    """

    exit_code = 9

    def __init__(self, message: str, hint: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class PermanentError(FallbackError):
    """The other side said no and will say it again."""

    exit_code = 10


class InterruptedWorkError(FallbackError):
    """Work was stopped half-way; the same command goes on from here."""

    exit_code = 130

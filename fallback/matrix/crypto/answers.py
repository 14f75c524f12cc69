"""What an answer of the homeserver's means for us, and that taking one in waits for nothing."""

from collections.abc import Coroutine
from typing import Any

from nio import ErrorResponse

from fallback.errors import AuthError, TransientError


def failure(code: str | None, message: str) -> AuthError | TransientError:
    """Make the error of a refused request."""
    if code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
        return AuthError("the homeserver no longer accepts this sign-in", "Sign in again: fallback login")
    return TransientError(message)


def check(answer: object) -> None:
    """Go on, unless the answer is a refusal.

    Raises:
        AuthError: the token is no longer accepted.
        TransientError: not now.
    """
    if isinstance(answer, ErrorResponse):
        raise failure(answer.status_code, "the homeserver refused a step of encryption")


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that must not wait, so that nothing else happens within its transaction.

    Raises:
        RuntimeError: it waited.
    """
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a callback of a sync waited: let it put the event in a queue")

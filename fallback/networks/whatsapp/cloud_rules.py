"""What Meta allows on the Cloud API, and what its error codes mean for us."""

from enum import StrEnum
from typing import Final

from fallback.core.ports import ConnectorState
from fallback.errors import FallbackError, PermanentError, TransientError

LIMITS: Final = (
    "only groups that this business number made itself: an existing group can't be mirrored",
    "at most 8 people in a group, who join by link; whoever is removed can't come back by it",
    "only businesses with an Official Business Account may use groups (others get error 131215)",
    "no edits, deletions, polls or read marks go out; after 24 hours of silence only paid templates do",
)
"""Said by ``fallback doctor`` where the Cloud API is chosen."""
MEMBERS: Final = 8
TEXT: Final = 4096
"""Characters of one message."""


class Cause(StrEnum):
    """What stands behind an error."""

    OUTAGE = "outage"
    THROTTLED = "throttled"
    ACCOUNT = "account"
    REFUSED = "refused"


CODES: Final[dict[int, tuple[Cause, str]]] = {
    1: (Cause.OUTAGE, "Meta's server does not know what happened"),
    2: (Cause.OUTAGE, "Meta's service is down or overloaded"),
    131000: (Cause.OUTAGE, "something went wrong at Meta"),
    131016: (Cause.OUTAGE, "Meta's service is unavailable"),
    131057: (Cause.OUTAGE, "Meta is working on this account's number"),
    4: (Cause.THROTTLED, "too many calls for now"),
    80007: (Cause.THROTTLED, "too many calls of this business for now"),
    130429: (Cause.THROTTLED, "too many messages for now"),
    131048: (Cause.THROTTLED, "WhatsApp slows this number down because people reported it"),
    131056: (Cause.THROTTLED, "too many messages to the same people for now"),
    131208: (Cause.THROTTLED, "too many changes to the group for now"),
    0: (Cause.ACCOUNT, "Meta does not accept the access token"),
    3: (Cause.ACCOUNT, "the app may not do this"),
    10: (Cause.ACCOUNT, "the app's permission is missing or was withdrawn"),
    190: (Cause.ACCOUNT, "the access token has expired"),
    368: (Cause.ACCOUNT, "the account is blocked for breaking WhatsApp's rules"),
    130497: (Cause.ACCOUNT, "the account may not write to this country"),
    131031: (Cause.ACCOUNT, "the account is locked"),
    131042: (Cause.ACCOUNT, "the business has not set up its payment"),
    131045: (Cause.ACCOUNT, "the number is not registered"),
    133010: (Cause.ACCOUNT, "the number is not registered on the Cloud API"),
    100: (Cause.REFUSED, "Meta does not accept the request"),
    131009: (Cause.REFUSED, "Meta does not accept a value of the request"),
    131020: (Cause.REFUSED, "the group has nobody in it but the business"),
    131026: (Cause.REFUSED, "it could not be delivered to anybody"),
    131041: (Cause.REFUSED, "WhatsApp does not know this group"),
    131047: (Cause.REFUSED, "nobody in the group wrote for 24 hours, so only templates may be sent"),
    131051: (Cause.REFUSED, "WhatsApp does not take this kind of message"),
    131052: (Cause.REFUSED, "WhatsApp could not hand the file over"),
    131053: (Cause.REFUSED, "WhatsApp could not take the file"),
    131201: (Cause.REFUSED, "it worked for some people only"),
    131202: (Cause.REFUSED, "the person is not in the group"),
    131203: (Cause.REFUSED, "the person has not accepted WhatsApp's new terms"),
    131204: (Cause.REFUSED, "there are more people than a group may have"),
    131207: (Cause.REFUSED, "WhatsApp suspended the group"),
    131214: (Cause.REFUSED, "this number may not make groups for now"),
    131215: (
        Cause.REFUSED,
        "this business is not eligible for groups (an Official Business Account is needed)",
    ),
    130501: (Cause.REFUSED, "WhatsApp does not show this kind of message"),
}
_BANNED: Final = frozenset({368, 130497, 131031})
_PERMISSIONS: Final = range(200, 300)
_WAIT: Final = {131056: 6.0, 131048: 600.0, 131057: 60.0}
"""Seconds after which a second try makes sense; 0 leaves it to the outbox."""


def cause(code: int, status: int = 0) -> Cause:
    """Tell what stands behind a code, or behind a bare HTTP status where the code is unknown."""
    if code in CODES and (code or status in (0, 401, 403)):
        return CODES[code][0]
    if code in _PERMISSIONS or status in (401, 403):
        return Cause.ACCOUNT
    if status == 429:
        return Cause.THROTTLED
    return Cause.OUTAGE if status >= 500 else Cause.REFUSED


def explain(code: int) -> str:
    """Say in words what a code means."""
    if code in CODES and code:
        return f"{CODES[code][1]} ({code})"
    return f"Meta gives error {code}" if code else "Meta gives no reason"


def trouble(code: int) -> ConnectorState:
    """Give the connector's state for a code of the account."""
    return ConnectorState.BANNED if code in _BANNED else ConnectorState.LOGGED_OUT


def error(code: int, status: int) -> FallbackError:
    """Make the error for an answer; an account's trouble is transient, because a person mends it."""
    says = explain(code) if code else f"Meta answers {status}"
    match cause(code, status):
        case Cause.OUTAGE | Cause.THROTTLED:
            return TransientError(says, retry_after=_WAIT.get(code, 0.0))
        case Cause.ACCOUNT:
            return TransientError(says, "Mend the account in Meta's Business Manager.", retry_after=60.0)
        case Cause.REFUSED:
            return PermanentError(says)

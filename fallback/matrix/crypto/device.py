"""This device as what signs, and what nio's answers lack."""

import secrets
from typing import Any

from nio import KeysQueryResponse

from fallback.errors import PermanentError
from fallback.matrix.crypto.olm import GuardedOlm
from fallback.text import sanitise_name


class IdentityChangedError(PermanentError):
    """Somebody in the room has another identity than the pinned one; nothing is sent until it is accepted."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"the identity of {sanitise_name(user)} has changed",
            "Ask that person, compare emojis, or accept the new identity.",
        )
        self.user = user


class FullKeysQuery(KeysQueryResponse):
    """An answer to ``/keys/query`` with the cross-signing keys that nio drops."""

    raw: dict[str, Any]

    @classmethod
    def from_dict(cls, parsed_dict: dict[Any, Any]) -> Any:
        """Parse as nio does, and keep the whole."""
        answer = super().from_dict(parsed_dict)
        if isinstance(answer, cls):
            answer.raw = parsed_dict
        return answer


class OlmDeviceKey:
    """The device that we are (``identity.OwnDevice``)."""

    def __init__(self, machine: GuardedOlm) -> None:
        self.user = str(machine.user_id)
        self.device = str(machine.device_id)
        self.ed25519 = str(machine.account.identity_keys["ed25519"])
        self._account = machine.account

    def sign(self, data: bytes) -> str:
        """Sign with the device's key."""
        return str(self._account.sign(data.decode()))


def new_device_id() -> str:
    """Make a device id that nobody else has, by chance or on purpose (B6)."""
    return "FB" + secrets.token_hex(12).upper()

"""The keys of an account as a person meets them: what is told, what is asked, and the seam to who does it."""

from enum import StrEnum
from typing import Protocol

from fallback.core.events import Frozen
from fallback.core.ids import RoomId, UserId


class IdentityState(StrEnum):
    """How this device stands with its account's identity."""

    NONE = "none"
    """The account has no identity yet: one is made, and its recovery key shown once."""
    LOCKED = "locked"
    """It has one, but it has not signed this device: others will not read what we send."""
    READY = "ready"
    """It has signed this device, and we hold its keys."""


class KeysState(Frozen, frozen=True):
    """All of it at once.

    Args:
        device: our own device's id; ``fingerprint`` is its Ed25519 key, as other clients show it.
        backup: the version of the account's key backup that is kept up; empty for none.
        waiting: messages that came before their key.
        refused: messages since the start that were replays, or not of whom they said.
    """

    identity: IdentityState
    device: str
    fingerprint: str
    backup: str = ""
    waiting: int = 0
    refused: int = 0


class OwnDevice(Frozen, frozen=True):
    """A device of our own account; ``signed`` by its identity."""

    id: str
    name: str = ""
    signed: bool = False
    this: bool = False
    seen: int = 0


class VerificationStage(StrEnum):
    """How far a verification is."""

    ASKED = "asked"
    """They ask: ``accept`` or ``cancel``; or we asked, and wait."""
    WAITING = "waiting"
    COMPARE = "compare"
    """The seven emojis are here: ``confirm`` or ``cancel`` with ``mismatch``."""
    DONE = "done"
    CANCELLED = "cancelled"


class Verification(Frozen, frozen=True):
    """One verification by emoji.

    Args:
        emoji: numbers 0 to 63 of the spec's table, seven of them at ``COMPARE``.
        ours: we asked.
        why: of ``CANCELLED``, the spec's code, e.g. ``m.mismatched_sas``.
    """

    id: str
    user: UserId
    stage: VerificationStage
    device: str = ""
    emoji: tuple[int, ...] = ()
    ours: bool = False
    why: str = ""


class Keys(Protocol):
    """The keys of one signed-in account.

    Errors are those of ``fallback.errors``: AuthError for a wrong recovery key, passphrase or password,
    TransientError while the homeserver does not answer, PermanentError for the rest.
    """

    async def state(self) -> KeysState:
        """Tell how it stands, as far as is known without asking the homeserver again."""
        ...

    async def begin(self, password: str = "") -> str:
        """Make the account's identity, secret storage and key backup; returns the recovery key, to be shown once.

        Raises:
            PermanentError: the account has an identity already.
            AuthError: the homeserver wants the password.
        """
        ...

    async def recover(self, recovery: str) -> int:
        """Sign this device with a recovery key or passphrase and restore the backup; returns the keys that were new."""
        ...

    async def devices(self) -> list[OwnDevice]:
        """List the account's devices, this one first."""
        ...

    def verifications(self) -> list[Verification]:
        """List the verifications that are on their way or ended lately, the newest first."""
        ...

    async def verify(self, user: UserId, room: RoomId | None = None) -> Verification:
        """Ask a person in a room that is shared with them, or our own other devices."""
        ...

    async def accept(self, verification: str) -> None:
        """Accept a request of theirs and begin."""
        ...

    async def confirm(self, verification: str) -> None:
        """Say that the emojis are the same, which signs the other side."""
        ...

    async def cancel(self, verification: str, *, mismatch: bool = False) -> None:
        """Stop; with ``mismatch`` where the emojis differ."""
        ...

    def changed(self) -> dict[UserId, str]:
        """Give who shows another identity than the one we know, and its fingerprint; sending to them waits."""
        ...

    async def accept_identity(self, user: UserId, fingerprint: str) -> None:
        """Take a changed identity for good.

        Raises:
            PermanentError: it has changed again meanwhile.
        """
        ...

    async def export_keys(self, passphrase: str) -> str:
        """Give all room keys as a file that Element reads."""
        ...

    async def import_keys(self, text: str, passphrase: str) -> int:
        """Take room keys out of such a file; returns how many were new."""
        ...


class Facts(Protocol):
    """Where small values last (``core.ports.Store``)."""

    async def get(self, key: str) -> str | None:
        """Read one value."""
        ...

    async def put(self, key: str, value: str | None) -> None:
        """Write one value."""
        ...

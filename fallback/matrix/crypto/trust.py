"""Whom we believe: owner signatures of devices, identities pinned at first sight, senders bound to sessions."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from nio.crypto import DeviceStore, InboundGroupSession

from fallback.errors import PermanentError
from fallback.matrix.crypto.identity import Chain, read_chain
from fallback.matrix.crypto.store import Pin


class Verdict(StrEnum):
    """How sure it is that the sender of a message wrote it."""

    OK = "ok"
    """The session is of a device that its owner, whose identity is the pinned one, has signed."""
    UNSIGNED = "unsigned"
    """The device is the sender's, but its owner has not signed it, or the identity has changed."""
    UNKNOWN = "unknown"
    """No device of the sender's has this session's key (yet): a deleted one, or keys not fetched."""
    IMPORTED = "imported"
    """The key came from a backup, a file or another person: true to what that source says."""
    MISMATCHED = "mismatched"
    """The session is somebody else's: never show or relay it as this person's."""


class Sharing(StrEnum):
    """What a device may be given."""

    VERIFIED = "verified"
    SHARED = "shared"
    WITHHELD = "withheld"


class PinStore(Protocol):
    """Where pins and origins of sessions are kept."""

    def pins(self) -> dict[str, Pin]:
        """Give all pins, by user."""
        ...

    def save_pin(self, user: str, pin: Pin) -> None:
        """Keep one."""
        ...

    def marked(self, flag: str) -> set[tuple[str, str]]:
        """List the (room, session) that are ``imported`` or ``shared``."""
        ...


class Trust:
    """The book of one account.

    Args:
        allow_unsigned: whether to give keys to devices of people who have no cross-signing at all.
    """

    def __init__(self, user: str, store: PinStore, *, allow_unsigned: bool = False) -> None:
        self.user = user
        self.chains: dict[str, Chain] = {}
        self._store = store
        self._pins = store.pins()
        self._allow_unsigned = allow_unsigned
        self._held = ("", "")

    def hold(self, master: str, user_signing: str) -> None:
        """Say which of our own keys we hold: only people signed by these are verified."""
        self._held = (master, user_signing)

    def learn(self, answer: Mapping[str, Any]) -> list[str]:
        """Take in an answer to ``/keys/query``; returns the users whose identity is another one than before."""
        reset: list[str] = []
        for user in answer.get("device_keys", {}):
            chain = read_chain(answer, user)
            self.chains[user] = chain
            old = self._pins.get(user)
            if old is None and not chain.master:
                continue
            new = Pin(chain.master, chain.master) if old is None else Pin(old.master, chain.master)
            if new != old:
                self._pins[user] = new
                self._store.save_pin(user, new)
                if new.changed:
                    reset.append(user)
        return reset

    def changed(self, user: str) -> bool:
        """Tell whether a user's identity is not the pinned one; sending to them is blocked until it is accepted."""
        pin = self._pins.get(user)
        return pin is not None and pin.changed

    def accept(self, user: str, master: str) -> None:
        """Pin a changed identity, which a person has compared or wants to trust.

        Raises:
            PermanentError: it has changed again meanwhile.
        """
        pin = self._pins.get(user)
        if pin is None or pin.seen != master or not master:
            raise PermanentError("the identity has changed again meanwhile", "Look at it once more.")
        self._pins[user] = Pin(master, master)
        self._store.save_pin(user, self._pins[user])

    def seen(self, user: str) -> str:
        """Give the master key that a user shows now; empty where none."""
        pin = self._pins.get(user)
        return pin.seen if pin else ""

    def verified(self, user: str) -> bool:
        """Tell whether we compared emojis with this user; we ourselves are, where we hold the keys."""
        master, user_signing = self._held
        chain = self.chains.get(user)
        if not master or chain is None or not chain.master or self.changed(user):
            return False
        if user == self.user:
            return chain.master == master
        return chain.signed_by(self.user, user_signing)

    def sharing(self, user: str, device: str) -> Sharing:
        """Decide what a device gets: room keys go to devices that their owners signed."""
        chain = self.chains.get(user)
        if chain is None or self.changed(user):
            return Sharing.WITHHELD
        if device not in chain.owned:
            legacy = self._allow_unsigned and not chain.master and device in chain.devices
            return Sharing.SHARED if legacy else Sharing.WITHHELD
        return Sharing.VERIFIED if self.verified(user) else Sharing.SHARED

    def verdict(
        self,
        sender: str,
        session: InboundGroupSession,
        devices: DeviceStore,
        *,
        own_key: str,
        imported: Callable[[str, str], bool],
    ) -> Verdict:
        """Judge a message's sender by the session that opened it.

        Args:
            own_key: Curve25519 key of this device.
            imported: tells of (room, session) whether it came another way than from its device.
        """
        is_imported = bool(session.forwarding_chain) or imported(session.room_id, session.id)
        if session.sender_key == own_key:
            if sender != self.user:
                return Verdict.MISMATCHED
            return Verdict.IMPORTED if is_imported else Verdict.OK
        device = devices.device_from_sender_key(sender, session.sender_key)
        if device is None:
            foreign = any(
                other.curve25519 == session.sender_key for other in devices if other.user_id != sender
            )
            if foreign:
                return Verdict.MISMATCHED
            return Verdict.IMPORTED if is_imported else Verdict.UNKNOWN
        if device.ed25519 != session.ed25519:
            return Verdict.MISMATCHED
        if is_imported:
            return Verdict.IMPORTED
        chain = self.chains.get(sender)
        if chain is None:
            return Verdict.UNKNOWN
        owned = device.id in chain.owned and not self.changed(sender)
        return Verdict.OK if owned else Verdict.UNSIGNED

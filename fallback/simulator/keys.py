"""Keys in memory: accounts, devices and verifications that stand in for a homeserver's, under ``core.trust.Keys``."""

import base64
import json
import secrets
from collections.abc import Callable
from hashlib import sha256

from msgspec.structs import replace

from fallback.core.ids import RoomId, UserId
from fallback.core.trust import IdentityState, KeysState, OwnDevice, Verification, VerificationStage
from fallback.errors import AuthError, ParseError, PermanentError

LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
GROUPS = 12
"""Of four letters each, in a recovery key."""
OVER = frozenset({VerificationStage.DONE, VerificationStage.CANCELLED})


class MemoryAccounts:
    """What a homeserver knows: each account's identity, its recovery key and its devices."""

    def __init__(self) -> None:
        self.fingerprints: dict[UserId, str] = {}
        self.recovery: dict[UserId, str] = {}
        self.backups: dict[UserId, set[str]] = {}
        self.sides: list[MemoryKeys] = []

    def reset(self, user: UserId) -> str:
        """Give an account a new identity, as somebody does who lost everything; returns its fingerprint."""
        self.fingerprints[user] = _letters(11)
        for side in self.sides:
            side.told()
        return self.fingerprints[user]


class MemoryKeys:
    """The keys of one device.

    Args:
        password: that the homeserver wants before an identity is made; empty for none.
        told: called after every change.
    """

    def __init__(
        self,
        accounts: MemoryAccounts,
        user: UserId,
        device: str,
        *,
        password: str = "",
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self.accounts = accounts
        self.user = user
        self.device = device
        self.password = password
        self.told = told
        self.signed = False
        self.room_keys: set[str] = set()
        self.waiting = 0
        self.known: dict[UserId, str] = {}
        self._flows: dict[str, tuple[Verification, MemoryKeys | None]] = {}
        accounts.sides.append(self)

    # ── the identity ────────────────────────────────────────────────────────────────────────────

    async def state(self) -> KeysState:
        """Tell how it stands."""
        made = self.user in self.accounts.fingerprints
        identity = IdentityState.READY if self.signed else IdentityState.LOCKED
        return KeysState(
            identity=identity if made else IdentityState.NONE,
            device=self.device,
            fingerprint=_fingerprint(self.device),
            backup="1" if made else "",
            waiting=self.waiting,
        )

    async def begin(self, password: str = "") -> str:
        """Make the account's identity; returns the recovery key."""
        if self.user in self.accounts.fingerprints:
            raise PermanentError("this account has an identity already", "Recover it instead.")
        if password != self.password:
            raise AuthError("the homeserver wants the account's password")
        key = " ".join(_letters(4) for _ in range(GROUPS))
        self.accounts.recovery[self.user] = _bare(key)
        self.accounts.fingerprints[self.user] = _letters(11)
        self.accounts.backups[self.user] = set(self.room_keys)
        self.signed = True
        self._tell_all()
        return key

    async def recover(self, recovery: str) -> int:
        """Sign this device and restore the backup."""
        if self.accounts.recovery.get(self.user) != _bare(recovery):
            raise AuthError(
                "that is not the recovery key of this account", "Type it again; spaces don't count."
            )
        self.signed = True
        return self._take(self.accounts.backups[self.user])

    async def devices(self) -> list[OwnDevice]:
        """List the account's devices, this one first."""
        own = [side for side in self.accounts.sides if side.user == self.user]
        return [
            OwnDevice(id=side.device, name=f"fallback {side.device}", signed=side.signed, this=side is self)
            for side in sorted(own, key=lambda side: side is not self)
        ]

    # ── verification ────────────────────────────────────────────────────────────────────────────

    def verifications(self) -> list[Verification]:
        """List the verifications, the newest first."""
        return [flow for flow, _ in reversed(self._flows.values())]

    async def verify(self, user: UserId, room: RoomId | None = None) -> Verification:
        """Ask every other device of an account."""
        del room
        asked = [side for side in self.accounts.sides if side.user == user and side is not self]
        if not asked:
            raise PermanentError(f"{user} has no device that could answer")
        name = secrets.token_hex(8)
        flow = Verification(id=name, user=user, stage=VerificationStage.ASKED, ours=True)
        self._flows[name] = (flow, None)
        for side in asked:
            theirs = Verification(id=name, user=self.user, device=self.device, stage=VerificationStage.ASKED)
            side._flows[name] = (theirs, self)  # noqa: SLF001 - the other end of the same wire
            side.told()
        return flow

    async def accept(self, verification: str) -> None:
        """Accept a request of theirs; both sides see the emojis at once."""
        flow, asker = self._flow(verification, VerificationStage.ASKED)
        if asker is None:
            raise PermanentError("the other side has to accept this one")
        emoji = tuple(byte % 64 for byte in sha256(flow.id.encode()).digest()[:7])
        asker._flows[flow.id] = (  # noqa: SLF001
            replace(asker._flows[flow.id][0], device=self.device),  # noqa: SLF001
            self,
        )
        for side in (self, asker):
            side._set(flow.id, stage=VerificationStage.COMPARE, emoji=emoji)  # noqa: SLF001

    async def confirm(self, verification: str) -> None:
        """Say that the emojis are the same; when both did, each side knows the other."""
        flow, other = self._flow(verification, VerificationStage.COMPARE)
        self._set(flow.id, stage=VerificationStage.WAITING)
        if other is not None and other._flows[flow.id][0].stage is VerificationStage.WAITING:  # noqa: SLF001
            for one, its in ((self, other), (other, self)):
                one._proven(its)  # noqa: SLF001
                one._set(flow.id, stage=VerificationStage.DONE)  # noqa: SLF001

    async def cancel(self, verification: str, *, mismatch: bool = False) -> None:
        """Stop on both sides."""
        if verification not in self._flows:
            raise PermanentError("that verification is over")
        why = "m.mismatched_sas" if mismatch else "m.user"
        for side in self.accounts.sides:
            flow, _ = side._flows.get(verification, (None, None))  # noqa: SLF001
            if flow is not None and flow.stage not in OVER:
                side._set(verification, stage=VerificationStage.CANCELLED, why=why)  # noqa: SLF001

    def changed(self) -> dict[UserId, str]:
        """Give who shows another identity than the one we know."""
        now = self.accounts.fingerprints
        return {user: now[user] for user, known in self.known.items() if now.get(user, known) != known}

    async def accept_identity(self, user: UserId, fingerprint: str) -> None:
        """Take a changed identity for good."""
        if self.accounts.fingerprints.get(user) != fingerprint:
            raise PermanentError(f"the identity of {user} has changed again", "Look at it once more.")
        self.known[user] = fingerprint
        self.told()

    # ── room keys ───────────────────────────────────────────────────────────────────────────────

    async def export_keys(self, passphrase: str) -> str:
        """Give all room keys as text; it is not encrypted, as nothing here is."""
        content = {"seal": sha256(passphrase.encode()).hexdigest(), "keys": sorted(self.room_keys)}
        return base64.b64encode(json.dumps(content).encode()).decode()

    async def import_keys(self, text: str, passphrase: str) -> int:
        """Take room keys out of such a text."""
        try:
            content = json.loads(base64.b64decode(text, validate=True))
        except ValueError:
            raise ParseError("this is no file of room keys") from None
        if content["seal"] != sha256(passphrase.encode()).hexdigest():
            raise AuthError("the passphrase does not open this file")
        return self._take(set(content["keys"]))

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _take(self, keys: set[str]) -> int:
        fresh = keys - self.room_keys
        self.room_keys |= fresh
        self.waiting = max(0, self.waiting - len(fresh))
        self.told()
        return len(fresh)

    def _flow(self, name: str, stage: VerificationStage) -> "tuple[Verification, MemoryKeys | None]":
        if name not in self._flows or self._flows[name][0].stage is not stage:
            raise PermanentError("that verification is over", "Begin a new one.")
        return self._flows[name]

    def _set(self, name: str, **fields: object) -> None:
        flow, other = self._flows[name]
        self._flows[name] = (replace(flow, **fields), other)
        self.told()

    def _proven(self, other: "MemoryKeys") -> None:
        if other.user == self.user:
            self.signed = self.signed or other.signed
        elif other.user in self.accounts.fingerprints:
            self.known[other.user] = self.accounts.fingerprints[other.user]

    def _tell_all(self) -> None:
        for side in self.accounts.sides:
            side.told()


def _letters(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))


def _fingerprint(device: str) -> str:
    return base64.b64encode(sha256(device.encode()).digest()).decode().rstrip("=")


def _bare(text: str) -> str:
    return "".join(text.split())

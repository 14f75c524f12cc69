"""One verification by emoji (``m.sas.v1``) as a state machine: messages in, messages out, nothing else."""

import hmac
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
import vodozemac

from fallback.core.emoji import EMOJI as TABLE
from fallback.errors import PermanentError
from fallback.matrix.crypto.canonical import Json, b64, canonical
from fallback.matrix.crypto.identity import Chain

METHOD, AGREEMENT, HASH, MAC = "m.sas.v1", "curve25519-hkdf-sha256", "sha256", "hkdf-hmac-sha256.v2"
PREFIX = "m.key.verification."
EMOJI: tuple[tuple[str, str], ...] = tuple((sign, english) for sign, english, _ in TABLE)
"""The 64 signs with their English names."""

Message = tuple[str, Json]
"""Type without its prefix, and content."""


class Stage(StrEnum):
    """How far a verification is."""

    REQUESTED = "requested"
    READY = "ready"
    STARTED = "started"
    SHOWN = "shown"
    """Both sides see emojis, which the two people compare."""
    PROVEN = "proven"
    """Both sides confirmed; the keys can be checked."""
    DONE = "done"
    CANCELLED = "cancelled"


class Proven(msgspec.Struct, frozen=True):
    """What the other side has shown to hold.

    Args:
        device: whether the device's key is the one we see.
        master: the master key, or empty.
    """

    device: bool
    master: str


class Flow:
    """One side of one verification.

    Args:
        user, device: we.
        other: their user id.
        transaction: its id; in a room the event id of the request.
        keys: what we prove to hold: key id (``ed25519:…``) to public key, our device's and our master key.
        ours: whether we asked.
    """

    def __init__(
        self,
        user: str,
        device: str,
        *,
        other: str,
        transaction: str,
        keys: dict[str, str],
        room: str = "",
        their_device: str = "",
        ours: bool = True,
    ) -> None:
        self.user, self.device = user, device
        self.other, self.their_device = other, their_device
        self.transaction, self.room, self.ours = transaction, room, ours
        self.stage = Stage.REQUESTED
        self.cancelled = ""
        self.emoji: tuple[tuple[str, str], ...] = ()
        self.decimals: tuple[int, int, int] = (0, 0, 0)
        self._keys = keys
        self._started_by_us = False
        self._start: Json = {}
        self._commitment = ""
        self._sas: vodozemac.Sas | None = None
        self._public = ""
        self._secret: vodozemac.EstablishedSas | None = None
        self._confirmed = False
        self._their_mac: Json = {}

    @property
    def is_comparing(self) -> bool:
        """Tell whether the emojis wait for our answer."""
        return self.stage is Stage.SHOWN and not self._confirmed

    # ── what we do ───────────────────────────────────────────────────────────────────────────────

    def ready(self) -> list[Message]:
        """Accept their request."""
        if self.stage is not Stage.REQUESTED or self.ours:
            return []
        self.stage = Stage.READY
        return [self._say("ready", {"from_device": self.device, "methods": [METHOD]})]

    def start(self) -> list[Message]:
        """Begin with emojis."""
        if self.stage is not Stage.READY:
            return []
        self.stage, self._started_by_us = Stage.STARTED, True
        offer = {
            "from_device": self.device,
            "method": METHOD,
            "key_agreement_protocols": [AGREEMENT],
            "hashes": [HASH],
            "message_authentication_codes": [MAC],
            "short_authentication_string": ["emoji", "decimal"],
        }
        message = self._say("start", offer)
        self._start = message[1]
        return [message]

    def confirm(self) -> list[Message]:
        """Say that the emojis are the same."""
        if not self.is_comparing:
            return []
        self._confirmed = True
        names = ",".join(sorted(self._keys))
        macs = {name: self._mac(key, name, ours=True) for name, key in self._keys.items()}
        if self._their_mac:
            self.stage = Stage.PROVEN
        return [self._say("mac", {"mac": macs, "keys": self._mac(names, "KEY_IDS", ours=True)})]

    def done(self) -> list[Message]:
        """Say that it is over and well."""
        self.stage = Stage.DONE
        return [self._say("done", {})]

    def cancel(self, code: str = "m.user", reason: str = "cancelled") -> list[Message]:
        """Stop.

        Args:
            code: ``m.user``, ``m.mismatched_sas``, ``m.key_mismatch``…
        """
        if self.stage in (Stage.DONE, Stage.CANCELLED):
            return []
        self.stage, self.cancelled = Stage.CANCELLED, code
        return [self._say("cancel", {"code": code, "reason": reason})]

    # ── what they do ─────────────────────────────────────────────────────────────────────────────

    def receive(self, kind: str, content: Json) -> list[Message]:
        """Take a message of theirs (its type without the prefix); what does not fit cancels."""
        if self.stage in (Stage.DONE, Stage.CANCELLED):
            return []
        try:
            match kind:
                case "cancel":
                    self.stage, self.cancelled = Stage.CANCELLED, str(content.get("code", "m.user"))
                    return []
                case "ready" if self.ours and self.stage is Stage.REQUESTED:
                    return self._on_ready(content)
                case "start" if self.stage in (Stage.READY, Stage.STARTED):
                    return self._on_start(content)
                case "accept" if self._started_by_us and self.stage is Stage.STARTED and self._sas is None:
                    return self._on_accept(content)
                case "key" if self._sas is not None and self.stage is Stage.STARTED:
                    return self._on_key(content)
                case "mac" if self.stage is Stage.SHOWN and not self._their_mac:
                    return self._on_mac(content)
                case "done":
                    return []
                case _:
                    return self.cancel("m.unexpected_message", "unexpected message")
        except (KeyError, TypeError, ValueError, AttributeError):
            return self.cancel("m.invalid_message", "malformed message")

    def _on_ready(self, content: Json) -> list[Message]:
        device = str(content["from_device"])
        if METHOD not in content["methods"] or self.their_device not in ("", device):
            return self.cancel("m.unknown_method", "no common method")
        self.their_device, self.stage = device, Stage.READY
        return self.start()

    def _on_start(self, content: Json) -> list[Message]:
        device = str(content["from_device"])
        if self._started_by_us and (self._sas or (self.user, self.device) < (self.other, device)):
            return []  # both began at once: the smaller id's beginning counts
        if self.stage is Stage.STARTED and not self._started_by_us:
            return self.cancel("m.unexpected_message", "started twice")
        fits = (
            content["method"] == METHOD
            and AGREEMENT in content["key_agreement_protocols"]
            and HASH in content["hashes"]
            and MAC in content["message_authentication_codes"]
            and "decimal" in content["short_authentication_string"]
            and self.their_device in ("", device)
        )
        if not fits:
            return self.cancel("m.unknown_method", "no common method")
        self.their_device, self._started_by_us, self._start = device, False, content
        self.stage = Stage.STARTED
        self._open()
        accepted = {
            "method": METHOD,
            "key_agreement_protocol": AGREEMENT,
            "hash": HASH,
            "message_authentication_code": MAC,
            "short_authentication_string": ["emoji", "decimal"],
            "commitment": self._commit(self._public),
        }
        return [self._say("accept", accepted)]

    def _on_accept(self, content: Json) -> list[Message]:
        chosen = (content["key_agreement_protocol"], content["hash"], content["message_authentication_code"])
        if chosen != (AGREEMENT, HASH, MAC):
            return self.cancel("m.unknown_method", "no common method")
        self._commitment = str(content["commitment"])
        self._open()
        return [self._say("key", {"key": self._public})]

    def _on_key(self, content: Json) -> list[Message]:
        theirs = str(content["key"])
        if self._started_by_us and not hmac.compare_digest(self._commit(theirs), self._commitment):
            return self.cancel("m.mismatched_commitment", "the key is not the one that was committed to")
        if self._sas is None:
            return self.cancel("m.unexpected_message", "unexpected message")
        self._secret = self._sas.diffie_hellman(vodozemac.Curve25519PublicKey.from_base64(theirs))
        mine = f"{self.user}|{self.device}|{self._public}"
        other = f"{self.other}|{self.their_device}|{theirs}"
        first, second = (mine, other) if self._started_by_us else (other, mine)
        shown = self._secret.bytes(f"MATRIX_KEY_VERIFICATION_SAS|{first}|{second}|{self.transaction}")
        self.emoji = tuple(EMOJI[index] for index in shown.emoji_indices)
        one, two, three = shown.decimals
        self.decimals, self.stage = (one, two, three), Stage.SHOWN
        return [] if self._started_by_us else [self._say("key", {"key": self._public})]

    def _on_mac(self, content: Json) -> list[Message]:
        macs = content["mac"]
        names = ",".join(sorted(macs))
        if not macs or not hmac.compare_digest(content["keys"], self._mac(names, "KEY_IDS", ours=False)):
            return self.cancel("m.key_mismatch", "the list of keys is not authentic")
        self._their_mac = macs
        if self._confirmed:
            self.stage = Stage.PROVEN
        return []

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    def check(self, chain: Chain) -> Proven:
        """Compare the keys that the homeserver shows with those that the other side proved to hold.

        Raises:
            PermanentError: one differs, or none of those that matter was proven.
        """
        device = f"ed25519:{self.their_device}"
        shown = chain.devices.get(self.their_device, {}).get("keys", {}).get(device, "")
        master = f"ed25519:{chain.master}" if chain.master else ""
        proven: dict[str, bool] = {}
        for name, key in ((device, shown), (master, chain.master)):
            if key and name in self._their_mac:
                proven[name] = hmac.compare_digest(
                    str(self._their_mac[name]), self._mac(key, name, ours=False)
                )
        is_own = self.other == self.user
        if not all(proven.values()) or not (proven.get(device) if is_own else proven.get(master)):
            raise PermanentError(
                "the homeserver shows other keys than the other side has", "Don't trust this homeserver."
            )
        return Proven(device in proven, chain.master if master in proven else "")

    def _open(self) -> None:
        self._sas = vodozemac.Sas()
        self._public = self._sas.public_key.to_base64()

    def _commit(self, public: str) -> str:
        return b64(sha256(public.encode() + canonical(self._start)).digest())

    def _mac(self, value: str, name: str, *, ours: bool) -> str:
        if self._secret is None:
            raise ValueError("no keys were exchanged")
        one, two = (self.user, self.device), (self.other, self.their_device)
        first, second = (one, two) if ours else (two, one)
        info = "MATRIX_KEY_VERIFICATION_MAC" + "".join((*first, *second)) + self.transaction + name
        return str(self._secret.calculate_mac(value, info))

    def _say(self, kind: str, content: Json) -> Message:
        reference: dict[str, Any] = {"transaction_id": self.transaction}
        if self.room:
            reference = {"m.relates_to": {"rel_type": "m.reference", "event_id": self.transaction}}
        return kind, {**content, **reference}

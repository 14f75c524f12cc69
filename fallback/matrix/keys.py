"""The keys of one account (``core.trust.Keys``): its identity, backup, verifications and what others need of them."""

import asyncio
import logging
from collections.abc import Collection

import msgspec

from fallback.core.ids import RoomId, UserId
from fallback.core.trust import Facts, IdentityState, KeysState, OwnDevice, Verification, VerificationStage
from fallback.errors import AuthError, FallbackError, PermanentError
from fallback.matrix.crypto.backup import Backup, BackupKey, open_backup
from fallback.matrix.crypto.bundle import BundleInbox
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.gossip import Gossip
from fallback.matrix.crypto.identity import MASTER, USER_SIGNING, CrossSigningKeys
from fallback.matrix.crypto.keyfile import read_key_file, write_key_file
from fallback.matrix.crypto.requests import KeyRequests
from fallback.matrix.crypto.sas import EMOJI, Flow, Stage
from fallback.matrix.crypto.setup import BACKUP_SECRET, SECRETS, SignedIn, first_sign_in, sign_in_with
from fallback.matrix.crypto.verification import Verifier
from fallback.text import sanitise_name

log = logging.getLogger(__name__)
KEPT = "matrix.secrets"
"""Where the account's secrets are in the profile's (encrypted) store."""
INVITERS = "matrix.inviters"
"""Where it is kept who invited us to which room."""
_NUMBER = {sign: number for number, (sign, _) in enumerate(EMOJI)}
_STAGES = {
    Stage.REQUESTED: VerificationStage.ASKED,
    Stage.READY: VerificationStage.WAITING,
    Stage.STARTED: VerificationStage.WAITING,
    Stage.SHOWN: VerificationStage.WAITING,
    Stage.PROVEN: VerificationStage.WAITING,
    Stage.DONE: VerificationStage.DONE,
    Stage.CANCELLED: VerificationStage.CANCELLED,
}


class AccountKeys:
    """The keys of a signed-in account; ``step`` after each sync does what that brought.

    Args:
        facts: keeps the secrets, encrypted on disk.
    """

    def __init__(self, client: SafeClient, facts: Facts) -> None:
        self._client = client
        self._facts = facts
        self._keys: CrossSigningKeys | None = None
        self._backup: Backup | None = None
        self._loaded = False
        self._backed_up = -1
        self._asked = False
        self._step = asyncio.Lock()
        self.verifier = Verifier(client, None)
        self.gossip = Gossip(client)
        self.requests = KeyRequests(client)
        self.inbox = BundleInbox(client)

    @property
    def backup(self) -> Backup | None:
        """Give the account's key backup, where it has one that we hold."""
        return self._backup

    # ── what syncs ask for ───────────────────────────────────────────────────────────────────────

    async def load(self) -> None:
        """Take the secrets out of the store, and ask who we are; harmless the second time.

        Raises:
            TransientError: the homeserver does not answer.
        """
        if self._loaded:
            return
        await self._client.publish()
        kept = await self._facts.get(KEPT)
        if kept is not None:
            secrets = msgspec.json.decode(kept, type=dict[str, bytes])
            seeds = {usage: secrets[name] for usage, name in SECRETS.items() if name in secrets}
            chain = self._client.trust.chains.get(self._client.user_id)
            if chain is not None and chain.master:
                keys = CrossSigningKeys.matching(seeds, chain)
                await self._take(keys, await self._open_backup(secrets.get(BACKUP_SECRET)))
        self._loaded = True

    async def step(self) -> None:
        """Do what a sync brought; what fails is tried again after the next one."""
        async with self._step:
            try:
                await self.load()
                await self.verifier.step()
                await self.gossip.step()
                await self._take_gossip()
                await self.requests.step()
                await self.joined(self._client.rooms)
                await self._back_up()
            except FallbackError as error:
                log.warning("keys: %s", error.message)

    async def invited(self, invitations: Collection[tuple[RoomId, UserId]]) -> None:
        """Remember who invites us: only their history is taken."""
        known = await self._inviters() if invitations else {}
        if new := {room: user for room, user in invitations if known.get(room) != user}:
            await self._facts.put(INVITERS, msgspec.json.encode(known | new).decode())

    async def joined(self, rooms: Collection[str]) -> None:
        """Take the history of rooms that we are in from who invited us there."""
        offers = self.inbox.offers
        if not offers:
            return
        inviters = await self._inviters()
        for room, sender in offers:
            if room in rooms and inviters.get(RoomId(room)) == sender:
                try:
                    await self.inbox.accept(room, sender)
                except PermanentError as error:
                    log.warning("history: %s", error.message)

    async def _inviters(self) -> dict[RoomId, UserId]:
        return msgspec.json.decode(await self._facts.get(INVITERS) or "{}", type=dict[RoomId, UserId])

    async def _back_up(self) -> None:
        known = self._client.machine.session_count
        if self._backup is not None and known != self._backed_up:
            await self._client.back_up(self._backup)
            self._backed_up = known

    async def _take_gossip(self) -> None:
        """Ask our other devices for what we lack once one has signed this one, and take what they send."""
        chain = self._client.trust.chains.get(self._client.user_id)
        if self._backup is not None or chain is None or self._client.device_id not in chain.owned:
            return
        if not self._asked:
            await self.gossip.ask()
            self._asked = True
        seeds = self.gossip.seeds()
        if self._keys is None and len(seeds) == len(SECRETS):
            await self._hold(SignedIn(CrossSigningKeys.matching(seeds, chain), None))
        secret = self.gossip.received.get(BACKUP_SECRET)
        if self._keys is not None and secret is not None:
            backup = await self._open_backup(secret)
            if backup is not None:
                await self._restore(backup)
                await self._hold(SignedIn(self._keys, backup))
            del self.gossip.received[BACKUP_SECRET]

    async def _open_backup(self, secret: bytes | None) -> Backup | None:
        if secret is None:
            return None
        try:
            return await open_backup(self._client.http, BackupKey(secret))
        except (AuthError, PermanentError) as error:
            log.warning("no key backup: %s", error.message)
            return None

    async def _hold(self, signed_in: SignedIn) -> None:
        """Keep the secrets, then use them."""
        secrets = {SECRETS[usage]: seed for usage, seed in signed_in.keys.seeds.items()}
        if signed_in.backup is not None:
            secrets[BACKUP_SECRET] = signed_in.backup.key.key
        await self._facts.put(KEPT, msgspec.json.encode(secrets).decode())
        await self._take(signed_in.keys, signed_in.backup)
        await self._client.refresh_keys(self._client.user_id)

    async def _take(self, keys: CrossSigningKeys, backup: Backup | None) -> None:
        self._keys, self._backup = keys, backup
        secrets = {SECRETS[usage]: seed for usage, seed in keys.seeds.items()}
        if backup is not None:
            secrets[BACKUP_SECRET] = backup.key.key
        self.gossip.hold(secrets)
        self.verifier.hold(keys)
        self._client.trust.hold(keys.public(MASTER), keys.public(USER_SIGNING))
        for user in list(self._client.trust.chains):
            self._client.classify(user)

    async def _restore(self, backup: Backup) -> int:
        restored = await backup.restore()
        new = self._client.take(restored.keys)
        self._client.crypto.save_backed_up([(key.room, key.session) for key in restored.keys], backup.version)
        return new

    # ── what a person asks for ───────────────────────────────────────────────────────────────────

    async def state(self) -> KeysState:
        """Tell how it stands."""
        await self.load()
        chain = self._client.trust.chains.get(self._client.user_id)
        if self._keys is not None:
            identity = IdentityState.READY
        else:
            identity = IdentityState.LOCKED if chain and chain.master else IdentityState.NONE
        own = self._client.own
        return KeysState(
            identity,
            own.device,
            own.ed25519,
            backup=self._backup.version if self._backup else "",
            waiting=self._client.waiting_count(),
            refused=self._client.refused,
        )

    async def begin(self, password: str = "") -> str:
        """Make the account's identity, secret storage and key backup."""
        await self.load()
        signed_in = await first_sign_in(self._client.http, self._client.own, password)
        await self._hold(signed_in)
        return signed_in.recovery_key

    async def recover(self, recovery: str) -> int:
        """Sign this device with a recovery key or passphrase and restore the backup."""
        await self.load()
        signed_in = await sign_in_with(self._client.http, self._client.own, recovery)
        await self._hold(signed_in)
        return await self._restore(signed_in.backup) if signed_in.backup else 0

    async def devices(self) -> list[OwnDevice]:
        """List the account's devices, this one first."""
        me = self._client.user_id
        answer = await self._client.http.json("GET", "/_matrix/client/v3/devices")
        await self._client.refresh_keys(me)
        chain = self._client.trust.chains.get(me)
        owned = chain.owned if chain else frozenset()
        found = [
            OwnDevice(
                id=sanitise_name(str(one["device_id"])),
                name=sanitise_name(str(one.get("display_name") or "")),
                signed=one["device_id"] in owned,
                this=one["device_id"] == self._client.device_id,
                seen=int(one.get("last_seen_ts") or 0),
            )
            for one in answer.get("devices", ())
        ]
        return sorted(found, key=lambda one: (not one.this, -one.seen))

    def verifications(self) -> list[Verification]:
        """List the verifications, the newest first."""
        return [_seen(flow) for flow in reversed(self.verifier.flows.values())]

    async def verify(self, user: UserId, room: RoomId | None = None) -> Verification:
        """Ask a person in a room that is shared with them, or our own other devices."""
        await self.load()
        if user == self._client.user_id:
            return _seen(await self.verifier.request(user))
        if room is None:
            raise PermanentError(
                "another person is asked in a room that both are in", "Open it, then verify from there."
            )
        return _seen(await self.verifier.request_in_room(user, room))

    async def accept(self, verification: str) -> None:
        """Accept a request of theirs and begin."""
        flow = self._flow(verification)
        if flow.ours or flow.stage is not Stage.REQUESTED:
            raise PermanentError(
                "the other side has to accept this one", "Wait for them, or begin a new one."
            )
        await self.verifier.accept(flow)
        await self.verifier.start(flow)

    async def confirm(self, verification: str) -> None:
        """Say that the emojis are the same, which signs the other side."""
        flow = self._flow(verification)
        if not flow.is_comparing:
            raise PermanentError("there is nothing to compare in this verification", "Begin a new one.")
        await self.verifier.confirm(flow)

    async def cancel(self, verification: str, *, mismatch: bool = False) -> None:
        """Stop."""
        await self.verifier.cancel(self._flow(verification), "m.mismatched_sas" if mismatch else "m.user")

    def _flow(self, verification: str) -> Flow:
        flow = self.verifier.flows.get(verification)
        if flow is None:
            raise PermanentError("this verification is over", "Begin a new one.")
        return flow

    def changed(self) -> dict[UserId, str]:
        """Give who shows another identity than the one we know."""
        trust = self._client.trust
        return {UserId(user): trust.seen(user) for user in trust.chains if trust.changed(user)}

    async def accept_identity(self, user: UserId, fingerprint: str) -> None:
        """Take a changed identity for good."""
        self._client.accept_identity(user, fingerprint)

    async def export_keys(self, passphrase: str) -> str:
        """Give all room keys as a file that Element reads."""
        keys = list(self._client.room_keys())
        return await asyncio.to_thread(write_key_file, keys, passphrase)

    async def import_keys(self, text: str, passphrase: str) -> int:
        """Take room keys out of such a file."""
        file = await asyncio.to_thread(read_key_file, text, passphrase)
        return self._client.take(file.keys)


def _seen(flow: Flow) -> Verification:
    return Verification(
        id=flow.transaction,
        user=UserId(flow.other),
        stage=VerificationStage.COMPARE if flow.is_comparing else _STAGES[flow.stage],
        device=flow.their_device,
        emoji=tuple(_NUMBER[sign] for sign, _ in flow.emoji),
        ours=flow.ours,
        why=flow.cancelled,
    )

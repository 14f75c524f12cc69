"""nio's client that loses and leaks nothing: one transaction per sync, no half-shared keys, no plaintext."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import aiohttp
from nio import (
    AsyncClientConfig,
    ErrorResponse,
    KeysQueryError,
    KeysQueryResponse,
    KeysUploadError,
    KeysUploadResponse,
    MatrixRoom,
    RoomSendError,
    RoomSendResponse,
    ShareGroupSessionResponse,
    SyncError,
    SyncResponse,
)
from nio.api import Api

from fallback.errors import AuthError, PermanentError, TransientError
from fallback.matrix.crypto.answers import Reading, at_once, check, failure
from fallback.matrix.crypto.backup import BATCH, Backup
from fallback.matrix.crypto.device import FullKeysQuery, IdentityChangedError, OlmDeviceKey
from fallback.matrix.crypto.olm import GuardedOlm, SecretHandler
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.crypto.rotation import Rotation, rotations
from fallback.matrix.crypto.store import CryptoStore
from fallback.matrix.crypto.trust import Sharing, Trust, Verdict
from fallback.matrix.crypto.waiting import Waiting
from fallback.matrix.http import MatrixHttp, Renew
from fallback.text import sanitise_name

log = logging.getLogger(__name__)
SHARED_HISTORY = ("shared", "world_readable")


class SafeClient(Waiting, Reading):
    """One device of one account.

    Callbacks run inside of a sync's transaction: they must not wait nor raise, only put the event in a queue.

    Args:
        folder: where ``crypto.db`` is.
        key: 32 bytes that the store is encrypted under; a secret.
        allow_unsigned: whether to give keys to devices of people who have no cross-signing at all.
        renew: gives a new access token in place of an expired one.

    Raises:
        ProfileBusyError: another process has the store open.
        StoreError: the key is wrong.
    """

    def __init__(
        self,
        url: str,
        user: str,
        device: str,
        token: str,
        *,
        folder: Path,
        key: bytes,
        allow_unsigned: bool = False,
        renew: Renew | None = None,
    ) -> None:
        self.http = MatrixHttp(url, token, renew=renew)
        config = AsyncClientConfig(
            store=cast("Any", CryptoStore),
            store_name="crypto.db",
            pickle_key=key.hex(),
            store_sync_tokens=False,
            max_timeouts=0,
            max_limit_exceeded=0,
            request_timeout=60,
        )
        super().__init__(url, user, device_id=device, store_path=str(folder), config=config)
        self.secret_handlers: dict[str, SecretHandler] = {}
        self._rotations: dict[str, Rotation] = {}
        self._allow_unsigned = allow_unsigned
        self._sending: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._uploading = asyncio.Lock()
        self.restore_login(user, device, token)
        self.next_batch = self.crypto.load_sync_token() or ""

    @property
    def access_token(self) -> str:
        """Give the account's token; the one of ``http``, which may be renewed."""
        return self.http.token

    @access_token.setter
    def access_token(self, token: str) -> None:
        self.http.token = token

    @property
    def machine(self) -> GuardedOlm:
        """Give the Olm machine."""
        olm = self.olm
        if not isinstance(olm, GuardedOlm):
            raise PermanentError("no encryption is loaded", "Open the profile's keys first.")
        return olm

    @property
    def crypto(self) -> CryptoStore:
        """Give the store."""
        return cast("CryptoStore", self.store)

    @property
    def own(self) -> OlmDeviceKey:
        """Give this device as what signs."""
        return OlmDeviceKey(self.machine)

    def load_store(self) -> None:
        """Open the store and our own machine."""
        super().load_store()
        self.trust = Trust(self.user_id, self.crypto, allow_unsigned=self._allow_unsigned)
        self._load_machine()

    def _load_machine(self) -> None:
        self.olm = GuardedOlm(self.user_id, self.device_id, self.crypto, self.trust)
        self.machine.secret_handlers = self.secret_handlers
        self.machine.rotations = self._rotations
        self.machine.users_for_key_query.add(self.user_id)

    # ── receiving ────────────────────────────────────────────────────────────────────────────────

    async def receive(self, wait: int = 0, sync_filter: dict[str, Any] | None = None) -> SyncResponse:
        """Sync once and do what that asks for: upload, query and claim keys, send what is queued.

        Args:
            wait: ms that the homeserver may hold an empty answer.

        Raises:
            AuthError: the token is no longer accepted.
            TransientError: not now.
        """
        response = await self.sync(wait, sync_filter, full_state=not self.rooms)
        if isinstance(response, SyncError):
            raise failure(response.status_code, "the homeserver answered a sync with an error")
        await self._housekeeping()
        return response

    async def _housekeeping(self) -> None:
        if self.should_upload_keys:
            check(await self.keys_upload())
        if self.should_query_keys:
            check(await self.keys_query())
        if self.should_claim_keys:
            check(await self.keys_claim(self.get_users_for_key_claiming()))
        self.machine.answer_again()
        for answer in await self.send_to_device_messages():
            check(answer)

    async def _handle_sync(self, response: SyncResponse) -> None:
        """Take a sync in whole or not at all: the token is written last, in the same transaction (B1)."""
        before = self.next_batch
        if not self.rooms:  # nio passes over an answer whose token it has, even the first after a restart
            self.next_batch = ""
        try:
            with self.crypto.database.atomic():
                at_once(super()._handle_sync(response))
                self.crypto.save_sync_token(response.next_batch)
        except BaseException:
            self.next_batch = before
            self._load_machine()  # what is in memory only must not outlive what was rolled back
            raise
        self.machine.uploaded_key_count = response.device_key_count.signed_curve25519 or 0  # B3
        known = self.machine.tracked_users | {self.user_id}
        self.machine.add_changed_users(known & set(response.device_list.changed))

    async def _handle_joined_rooms(self, response: SyncResponse) -> None:
        self.machine.rotations.update(rotations(response))
        await super()._handle_joined_rooms(response)

    def verdict(self, event: Any) -> Verdict:
        """Judge the sender of an encrypted or decrypted event (``event.room_id`` is set by nio)."""
        return self.machine.verdict(event)

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────

    async def keys_upload(self) -> KeysUploadResponse | KeysUploadError:
        """Upload keys, whose private halves are on disk by then (B2); one upload at a time."""
        async with self._uploading:
            return await super().keys_upload()

    async def keys_query(self) -> KeysQueryResponse | KeysQueryError:
        """Ask for devices and identities, and judge them."""
        users = set(self.machine.users_for_key_query)
        method, path, data = Api.keys_query(self.access_token, users)
        answer: KeysQueryResponse | KeysQueryError = await self._send(FullKeysQuery, method, path, data)
        if isinstance(answer, FullKeysQuery):
            for user in self.trust.learn(answer.raw):
                log.warning("the identity of %s has changed", sanitise_name(user))
            for user in answer.raw["device_keys"]:
                self.classify(user)
        return answer

    async def publish(self) -> None:
        """Upload this device's keys, where they are not yet, and ask who we are ourselves.

        Raises:
            AuthError: the token is no longer accepted.
            TransientError: not now.
        """
        if self.should_upload_keys:
            check(await self.keys_upload())
        await self.refresh_keys(self.user_id)

    async def refresh_keys(self, *users: str) -> None:
        """Ask for the devices and identities of users, now, whatever they are.

        Raises:
            TransientError: not now.
        """
        self.machine.users_for_key_query.update(users)
        check(await self.keys_query())

    async def fetch_keys(self, *users: str) -> None:
        """Ask for the devices and identities of users, now.

        Raises:
            IdentityChangedError: one has another identity than the pinned one.
            TransientError: not now.
        """
        await self.refresh_keys(*users)
        for user in users:
            if self.trust.changed(user):
                raise IdentityChangedError(user)

    async def claim(self, users: list[str]) -> None:
        """Open Olm sessions with the devices of users that we have none with.

        Raises:
            TransientError: not now.
        """
        missing = self.machine.get_missing_sessions(users)
        if missing:
            check(await self.keys_claim(missing))

    def classify(self, user: str) -> None:
        """Tell nio what each device of a user may be given."""
        for device in list(self.device_store.active_user_devices(user)):
            if self.machine.is_own(device):
                continue
            match self.trust.sharing(user, device.id):
                case Sharing.VERIFIED:
                    self.verify_device(device)
                case Sharing.SHARED:
                    self.ignore_device(device)
                case Sharing.WITHHELD:
                    self.blacklist_device(device)

    def accept_identity(self, user: str, master: str) -> None:
        """Pin a changed identity.

        Raises:
            PermanentError: it has changed again.
        """
        self.trust.accept(user, master)
        self.classify(user)

    def take(self, keys: Iterable[RoomKey]) -> int:
        """Take room keys from a backup, file or bundle; returns how many are new.  Malformed ones are passed over."""
        new = 0
        with self.crypto.database.atomic():
            for key in keys:
                try:
                    new += self.machine.take(key)
                except ValueError:
                    log.warning("passed over a malformed room key")
        return new

    def room_keys(self, room: str = "", *, shared_only: bool = False) -> Iterator[RoomKey]:
        """Give the room keys that we have, of one room or all.

        Args:
            shared_only: those alone that people invited later may be given.
        """
        shared = self.crypto.marked("shared")
        for session in list(self.machine.inbound_group_store):
            is_shared = (session.room_id, session.id) in shared
            if room in ("", session.room_id) and (is_shared or not shared_only):
                yield RoomKey.of(session, shared_history=is_shared)

    async def back_up(self, backup: Backup) -> int:
        """Bring the account's key backup up to date; returns how many keys were new to it.

        Raises:
            PermanentError: the backup was replaced by another version.
        """
        saved = self.crypto.saved(backup.version)
        waiting = [key for key in self.room_keys() if (key.room, key.session) not in saved]
        for start in range(0, len(waiting), BATCH):
            part = waiting[start : start + BATCH]
            await backup.upload(part)
            self.crypto.save_backed_up([(key.room, key.session) for key in part], backup.version)
        return len(waiting)

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    async def room_send(
        self,
        room_id: str,
        message_type: str,
        content: dict[Any, Any],
        tx_id: str | None = None,
        ignore_unverified_devices: bool = False,
    ) -> RoomSendResponse | RoomSendError:
        """Send, encrypted where the room is or ever was; one at a time in a room.

        Args:
            ignore_unverified_devices: has no effect: a device's owner decides, by signing it.

        Raises:
            IdentityChangedError: somebody's identity is not the pinned one.
            TransientError: the room's key did not reach all devices; nothing was sent.
            PermanentError: we are not in that room.
        """
        async with self._sending[room_id]:
            room = self.rooms.get(room_id)
            if room is None:
                raise PermanentError("we are not in that room", "Sync first, or join it.")
            if room.encrypted or room_id in self.encrypted_rooms:
                room.encrypted = True
                await self._prepare(room)
            return await super().room_send(room_id, message_type, content, tx_id)

    async def _prepare(self, room: MatrixRoom) -> None:
        if not room.members_synced:
            check(await self.joined_members(room.room_id))
        self.machine.update_tracked_users(room)
        if self.should_query_keys:
            check(await self.keys_query())
        for user in room.users:
            if self.trust.changed(user):
                raise IdentityChangedError(user)
        self.machine.retire(room.room_id, shared_history=room.history_visibility in SHARED_HISTORY)
        if self.machine.should_share_group_session(room.room_id):
            await self.share_group_session(room.room_id)

    async def share_group_session(
        self, room_id: str, ignore_unverified_devices: bool = False
    ) -> ShareGroupSessionResponse:
        """Give the room's key to every device that may have it; it is only used when all requests went through.

        Raises:
            TransientError: one did not (B4, B5); the next try goes on with those that are missing.
        """
        room = self.rooms[room_id]
        users = list(room.users)
        await self.claim(users)
        shared = room.history_visibility in SHARED_HISTORY
        shares, withheld = self.machine.plan_shares(room_id, users, shared_history=shared)
        outbound = self.machine.outbound_group_sessions[room_id]
        for who, body in shares:
            method, path, data = Api.to_device(self.access_token, "m.room.encrypted", body, uuid4())
            answer = await self._send(
                ShareGroupSessionResponse, method, path, data, response_data=(room_id, who)
            )
            check(answer)
            outbound.users_shared_with.update(who)
        for body in withheld:
            await self.http.json(
                "PUT", f"/_matrix/client/v3/sendToDevice/m.room_key.withheld/{uuid4()}", body=body
            )
        outbound.shared = True
        return ShareGroupSessionResponse(room_id, set(outbound.users_shared_with))

    async def _send(self, response_class: type, method: str, path: str, *rest: Any, **options: Any) -> Any:
        """Ask; an expired token is renewed once, and a network that fails is a TransientError."""
        try:
            used = self.access_token
            answer = await super()._send(response_class, method, path, *rest, **options)
            if isinstance(answer, ErrorResponse) and answer.status_code == "M_UNKNOWN_TOKEN":
                with contextlib.suppress(AuthError):
                    await self.http.renew(used)
                if self.access_token != used:
                    answer = await super()._send(response_class, method, path, *rest, **options)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError("the homeserver does not answer") from error
        return answer

    async def close(self) -> None:
        """Free the connections and the store."""
        await super().close()
        await self.http.close()
        self.crypto.close()

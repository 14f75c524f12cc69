"""Invitations to encrypted rooms: the history's keys first, then the invitation; both again where that was in vain."""

import logging
from enum import StrEnum
from urllib.parse import quote

import msgspec
from msgspec.json import decode, encode

from fallback.core.events import Frozen
from fallback.core.ids import RoomId, UserId
from fallback.core.trust import Facts
from fallback.errors import PermanentError, TransientError
from fallback.matrix.crypto.bundle import share_history
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.http import RefusedError

log = logging.getLogger(__name__)
PATIENCE = 24 * 3600 * 1000
"""ms that clients hold a bundle of keys which waits for its invitation to be accepted."""
PAUSE = 60_000
"""ms between two tries of what waits."""
_KEY = "history.invitations"


class Standing(StrEnum):
    """How an invitation stands."""

    POSTPONED = "postponed"
    INVITED = "invited"
    JOINED = "joined"
    DECLINED = "declined"


class Invitation(Frozen, frozen=True):
    """A person and a room; ``at`` is when the keys were given, 0 for not yet."""

    room: RoomId
    user: UserId
    standing: Standing = Standing.POSTPONED
    at: int = 0


async def invite_with_history(client: SafeClient, room: RoomId, user: UserId) -> Standing:
    """Give a person the room's keys, then invite them; who has an old invitation gets a new one.

    Returns:
        ``POSTPONED``, with nothing sent, while the person has no device that their identity has signed.

    Raises:
        IdentityChangedError, TransientError, RefusedError: nobody was invited.
    """
    before = await _membership(client, room, user)
    if before == "join":
        return Standing.JOINED
    shared = await share_history(client, room, user)
    if shared.keys and not shared.devices:
        return Standing.POSTPONED
    if before == "invite":
        await _ask(
            client, room, "kick", {"user_id": user, "reason": "invited again, with the history's keys"}
        )
    await _ask(client, room, "invite", {"user_id": user})
    return Standing.INVITED


class Invitations:
    """The invitations that are under way, in the profile's store; a crash loses none."""

    def __init__(self, client: SafeClient, facts: Facts) -> None:
        self._client = client
        self._facts = facts
        self._tried = 0

    async def pending(self) -> list[Invitation]:
        """List those that are postponed or not accepted yet."""
        return decode(await self._facts.get(_KEY) or "[]", type=list[Invitation])

    async def invite(self, room: RoomId, user: UserId, *, now: int) -> Invitation:
        """Invite somebody; one that is postponed or fails for now stays on the list, one that is fresh is left alone.

        Raises:
            IdentityChangedError, TransientError, RefusedError: as ``invite_with_history``.
        """
        for one in await self.pending():
            if (one.room, one.user) == (room, user) and await self._is_fresh(one, now):
                return one
        wanted = Invitation(room, user)
        await self._keep(wanted)
        standing = await invite_with_history(self._client, room, user)
        done = msgspec.structs.replace(
            wanted, standing=standing, at=now if standing is Standing.INVITED else 0
        )
        await self._keep(done)
        return done

    async def renew(self, *, now: int) -> None:
        """Try again what waits, at most once a minute."""
        if now - self._tried >= PAUSE:
            self._tried = now
            await self.retry(now=now)

    async def retry(self, *, now: int) -> list[Invitation]:
        """Try the postponed ones again, and renew those whose keys have gone stale; returns what changed."""
        changed = []
        for one in await self.pending():
            try:
                seen = await self._look(one, now)
            except (TransientError, PermanentError) as error:
                log.warning("an invitation waits: %s", error)
                continue
            if seen != one:
                await self._keep(seen)
                changed.append(seen)
        return changed

    async def _is_fresh(self, one: Invitation, now: int) -> bool:
        if one.standing is not Standing.INVITED or now - one.at >= PATIENCE:
            return False
        return await _membership(self._client, one.room, one.user) == "invite"

    async def _look(self, one: Invitation, now: int) -> Invitation:
        if one.standing is Standing.INVITED:
            match await _membership(self._client, one.room, one.user):
                case "join":
                    return msgspec.structs.replace(one, standing=Standing.JOINED)
                case "invite" if now - one.at < PATIENCE:
                    return one
                case "leave" | "ban":
                    return msgspec.structs.replace(one, standing=Standing.DECLINED)
            await self._keep(Invitation(one.room, one.user))  # it is taken back first: that is no refusal
        standing = await invite_with_history(self._client, one.room, one.user)
        return msgspec.structs.replace(one, standing=standing, at=now if standing is Standing.INVITED else 0)

    async def _keep(self, invitation: Invitation) -> None:
        """Write one down; those that are settled are forgotten."""
        place = (invitation.room, invitation.user)
        rest = [one for one in await self.pending() if (one.room, one.user) != place]
        if invitation.standing in (Standing.POSTPONED, Standing.INVITED):
            rest.append(invitation)
        await self._facts.put(_KEY, encode(rest).decode() if rest else None)


async def _membership(client: SafeClient, room: str, user: str) -> str:
    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state/m.room.member/{quote(user, safe='')}"
    try:
        return str((await client.http.json("GET", path)).get("membership", ""))
    except RefusedError as error:
        if error.errcode != "M_NOT_FOUND":
            raise
        return ""


async def _ask(client: SafeClient, room: str, what: str, body: dict[str, str]) -> None:
    await client.http.json("POST", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/{what}", body=body)

"""Imported, encrypted history as an independent client in strict mode sees it that was invited afterwards."""

import pytest

from fallback.core.ids import DeliveryId, PortalId
from fallback.core.importing import Brought
from fallback.matrix.appservice import Appservice
from fallback.matrix.chain import ChainImporter
from fallback.matrix.crypto.setup import first_sign_in
from fallback.matrix.crypto.trust import Verdict
from fallback.matrix.history import HistorySession, Journal, SealingImporter
from fallback.matrix.invitations import PATIENCE, Invitation, Invitations, Standing, invite_with_history
from fallback.store.memory import MemoryStore
from tests.matrix.crypto.rooms import encrypted_room

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]

PORTAL = PortalId("portal")
LONG_AGO = 1_577_836_800_000
NOW = 1_800_000_000_000


class Import:
    """An import into a fresh encrypted room, by three ghosts."""

    def __init__(self, live, owner, signed_in):
        self.owner, self.backup, self.store = owner, signed_in.backup, MemoryStore()
        self.appservice = Appservice(owner.http, live.as_token, live.server_name)
        self.ghosts = [live.ghost() for _ in range(3)]
        self.sent = []

    async def prepare(self):
        self.room = await encrypted_room(self.owner)
        for ghost in self.ghosts:
            await self.appservice.ensure_ghost(ghost, "ليلى")
            await self.owner.room_invite(self.room, ghost)
            await self.appservice.join(self.room, ghost)
        return self

    async def run(self, count):
        """Send so many messages with a session of its own, as each start of the importer does."""
        session = await HistorySession.begin(self.owner, self.backup, self.store, self.room)

        async def begin(_room):
            return session

        importer = SealingImporter(ChainImporter(self.appservice, refuse), begin)
        first = len(self.sent)
        batch = [self.message(number) for number in range(first, first + count)]
        while batch:
            done = await importer.put(self.room, batch)
            self.sent += done
            batch = batch[len(done) :]
        return session

    def message(self, number):
        return Brought(
            "m.room.message",
            {"msgtype": "m.text", "body": f"message {number}"},
            self.ghosts[number % 3],
            LONG_AGO + number * 1000,
            DeliveryId(f"h{number}"),
        )


async def refuse(room):
    raise AssertionError("clear text on its way into an encrypted room")


@pytest.fixture
async def history(live, devices):
    owner = await devices("owner")
    return await Import(live, owner, await first_sign_in(owner.http, owner.own)).prepare()


async def test_a_late_joiner_reads_all_that_two_runs_brought(history, witness):
    first = await history.run(30)
    second = await history.run(20)  # the first one's process is gone
    assert first.room_key().session != second.room_key().session
    assert [run.reserved for run in await Journal(history.store, history.room).runs()] == [30, 20]
    them = await witness()
    await them("bootstrap")
    assert await invite_with_history(history.owner, history.room, them.user) is Standing.INVITED
    await them("join", room=history.room, bundle=True)
    for number, event in enumerate(history.sent):
        seen = await them("fetch", room=history.room, event=event)
        assert seen == {
            "text": f"message {number}",
            "encrypted": True,
            "failure": None,
            "shield": "GREY",
            "reason": "AUTHENTICITY_NOT_GUARANTEED",
        }
    raw = await history.owner.room_get_event(history.room, history.sent[7])
    assert raw.event.server_timestamp == LONG_AGO + 7000
    assert (raw.event.body, raw.event.sender) == ("message 7", history.ghosts[1])
    assert history.owner.verdict(raw.event) is Verdict.IMPORTED


async def test_the_accounts_next_device_reads_the_history_from_its_key_backup(history, devices):
    await history.run(2)
    late = await devices(account=history.owner.account)
    restored = await history.backup.restore()
    assert late.take(restored.keys) == 1
    answer = await late.room_get_event(history.room, history.sent[1])
    assert answer.event.body == "message 1"


async def test_an_invitation_waits_for_a_signed_device(history, witness):
    await history.run(1)
    invitations = Invitations(history.owner, history.store)
    them = await witness()
    waiting = await invitations.invite(history.room, them.user, now=NOW)
    assert waiting.standing is Standing.POSTPONED
    assert await invitations.retry(now=NOW) == []
    await them("bootstrap")
    invited = Invitation(history.room, them.user, Standing.INVITED, NOW)
    assert await Invitations(history.owner, history.store).retry(now=NOW) == [invited]
    await them("join", room=history.room, bundle=True)
    assert (await them("fetch", room=history.room, event=history.sent[0]))["text"] == "message 0"
    (joined,) = await invitations.retry(now=NOW)
    assert joined.standing is Standing.JOINED
    assert await invitations.pending() == []


async def test_an_invitation_whose_keys_went_stale_is_made_again(history, witness):
    await history.run(1)
    them = await witness()
    await them("bootstrap")
    invitations = Invitations(history.owner, history.store)
    await invitations.invite(history.room, them.user, now=NOW)
    assert await invitations.retry(now=NOW + PATIENCE - 1) == []
    (renewed,) = await invitations.retry(now=NOW + PATIENCE)
    assert (renewed.standing, renewed.at) == (Standing.INVITED, NOW + PATIENCE)
    await them("join", room=history.room, bundle=True)
    assert (await them("fetch", room=history.room, event=history.sent[0]))["text"] == "message 0"


async def test_who_declines_is_not_asked_again(history, devices):
    await history.run(1)
    them = await devices("them")
    await first_sign_in(them.http, them.own)
    invitations = Invitations(history.owner, history.store)
    await invitations.invite(history.room, them.user_id, now=NOW)
    await them.room_leave(history.room)
    (declined,) = await invitations.retry(now=NOW)
    assert declined.standing is Standing.DECLINED
    assert await invitations.retry(now=NOW) == []

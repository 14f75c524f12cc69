"""The contract of ``core.trust.Keys``, over the one in memory and a device on the real Synapse."""

import pytest

from fallback.core.ids import UserId
from fallback.core.trust import IdentityState, VerificationStage
from fallback.errors import AuthError, ParseError, PermanentError
from fallback.matrix.crypto.identity import MASTER, CrossSigningKeys, Identity
from fallback.simulator.keys import MemoryAccounts, MemoryKeys
from tests.live_synapse import side_at
from tests.matrix.crypto.rooms import encrypted_room, say, settle

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


class Memory:
    """Laila, who has two room keys, and Sara, in memory."""

    room = None
    LAILA, SARA = UserId("@laila:test"), UserId("@sara:test")

    def __init__(self):
        self.accounts = MemoryAccounts()
        self.laila = MemoryKeys(self.accounts, self.LAILA, "LAPTOP")
        self.laila.room_keys = {"k1", "k2"}
        self.sara = MemoryKeys(self.accounts, self.SARA, "PHONE")

    async def second(self):
        """Sign Laila in on one more device."""
        return MemoryKeys(self.accounts, self.LAILA, "SECOND")

    async def settle(self):
        """Let both sides hear of what was said."""

    async def reset(self):
        """Lose Sara's identity and make another one, which Laila hears of; returns its fingerprint."""
        self.laila.known[self.SARA] = self.accounts.fingerprints[self.SARA]
        return self.accounts.reset(self.SARA)


class Synapse:
    """The same two people, each a device on the homeserver, in an encrypted room."""

    def __init__(self, live, folder):
        self._live, self._folder = live, folder
        self._sides, self._accounts = [], {}

    async def prepare(self):
        """Sign both in, and let Laila say something twice where nobody else hears it."""
        for name in ("laila", "sara"):
            self._accounts[name] = await self._live.account(name)
        laila, sara = [await self._side(name) for name in ("laila", "sara")]
        self.laila, self.sara = laila.keys, sara.keys
        self.LAILA, self.SARA = laila.user, sara.user
        await self.settle()
        alone = await encrypted_room(laila.client)
        for word in ("one", "two"):
            laila.client.machine.outbound_group_sessions.clear()
            await say(laila.client, alone, word)
        self.room = await encrypted_room(laila.client, sara.user)
        await sara.accept(self.room)
        await self.settle()
        return self

    async def _side(self, name):
        account = self._accounts[name]
        token, device = await self._live.server.login(account.user, account.password)
        folder = self._folder / str(len(self._sides))
        side = side_at(self._live.url, account.user, device, token, folder=folder)
        self._sides.append(side)
        return side

    async def second(self):
        """Sign Laila in on one more device."""
        side = await self._side("laila")
        await self.settle()
        return side.keys

    async def settle(self):
        """Sync all sides until nothing comes any more."""
        await settle(*self._sides)

    async def reset(self):
        """Replace Sara's identity, as somebody with her password could; returns its fingerprint."""
        await self.settle()
        client, keys = self._sides[1].client, CrossSigningKeys()
        await Identity(client.http, client.own).publish(keys, self._accounts["sara"].password, replace=True)
        await self.settle()
        return keys.public(MASTER)

    async def close(self):
        for side in self._sides:
            await side.close()


@pytest.fixture(params=["memory", "synapse"])
async def world(request, tmp_path):
    if request.param == "memory":
        yield Memory()
        return
    made = await Synapse(request.getfixturevalue("live"), tmp_path).prepare()
    yield made
    await made.close()


async def asked(world, asker, user):
    """Ask, and let the other side hear of it; gives the request's id."""
    await world.settle()
    mine = await asker.verify(user, world.room)
    await world.settle()
    return mine.id


async def compared(world, one, other):
    """Bring two sides to where both see emojis; gives each one's id of it."""
    await asked(world, one, world.SARA if other is world.sara else world.LAILA)
    theirs = other.verifications()[0]
    assert (theirs.stage, theirs.ours) == (VerificationStage.ASKED, False)
    await other.accept(theirs.id)
    await world.settle()
    mine = one.verifications()[0]
    theirs = other.verifications()[0]
    assert mine.stage is theirs.stage is VerificationStage.COMPARE
    assert mine.emoji == theirs.emoji
    assert len(mine.emoji) == 7
    assert all(0 <= number < 64 for number in mine.emoji)
    return mine.id, theirs.id


async def test_an_identity_is_made_once(world):
    assert (await world.laila.state()).identity is IdentityState.NONE
    recovery = await world.laila.begin()
    assert {len(group) for group in recovery.split()} == {4}
    state = await world.laila.state()
    assert state.identity is IdentityState.READY
    assert state.backup
    assert state.fingerprint
    with pytest.raises(PermanentError):
        await world.laila.begin()


async def test_another_device_is_locked_until_the_recovery_key_is_typed_with_or_without_spaces(world):
    recovery = await world.laila.begin()
    second = await world.second()
    assert (await second.state()).identity is IdentityState.LOCKED
    with pytest.raises(AuthError):
        await second.recover("not it")
    assert (await second.state()).identity is IdentityState.LOCKED
    assert await second.recover(f" {recovery.replace(' ', '')} ") == 2
    assert await second.recover(recovery) == 0
    assert (await second.state()).identity is IdentityState.READY


async def test_the_own_devices_begin_with_this_one(world):
    await world.laila.begin()
    second = await world.second()
    this, other = await second.devices()
    assert (this.this, this.signed, this.id) == (True, False, (await second.state()).device)
    assert (other.this, other.signed) == (False, True)


async def test_two_people_who_see_the_same_emojis_are_done(world):
    await world.laila.begin()
    await world.sara.begin()
    mine, theirs = await compared(world, world.laila, world.sara)
    await world.laila.confirm(mine)
    await world.settle()
    assert world.laila.verifications()[0].stage is VerificationStage.WAITING
    await world.sara.confirm(theirs)
    await world.settle()
    assert {one.verifications()[0].stage for one in (world.laila, world.sara)} == {VerificationStage.DONE}


async def test_a_device_that_is_verified_by_another_one_is_signed(world):
    await world.laila.begin()
    second = await world.second()
    mine, theirs = await compared(world, second, world.laila)
    await second.confirm(mine)
    await world.laila.confirm(theirs)
    await world.settle()
    assert (await second.state()).identity is IdentityState.READY


@pytest.mark.parametrize(("mismatch", "why"), [(True, "m.mismatched_sas"), (False, "m.user")])
async def test_a_verification_that_one_side_stops_is_stopped_on_both(world, mismatch, why):
    await world.laila.begin()
    await world.sara.begin()
    mine, _ = await compared(world, world.laila, world.sara)
    await world.laila.cancel(mine, mismatch=mismatch)
    await world.settle()
    for side in (world.laila, world.sara):
        ended = side.verifications()[0]
        assert (ended.stage, ended.why) == (VerificationStage.CANCELLED, why)
    with pytest.raises(PermanentError):
        await world.laila.confirm(mine)


async def test_an_own_request_is_not_ours_to_accept(world):
    mine = await asked(world, world.laila, world.SARA)
    with pytest.raises(PermanentError):
        await world.laila.accept(mine)


async def test_a_changed_identity_is_told_until_it_is_taken(world):
    await world.laila.begin()
    await world.sara.begin()
    assert world.laila.changed() == {}
    fingerprint = await world.reset()
    assert world.laila.changed() == {world.SARA: fingerprint}
    with pytest.raises(PermanentError):
        await world.laila.accept_identity(world.SARA, "an older one")
    await world.laila.accept_identity(world.SARA, fingerprint)
    assert world.laila.changed() == {}


async def test_room_keys_travel_in_a_file_with_its_passphrase(world):
    text = await world.laila.export_keys("long enough")
    with pytest.raises(AuthError):
        await world.sara.import_keys(text, "another")
    assert await world.sara.import_keys(text, "long enough") == 2
    assert await world.sara.import_keys(text, "long enough") == 0
    with pytest.raises(ParseError):
        await world.sara.import_keys("no such file", "long enough")

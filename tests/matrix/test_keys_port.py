"""The contract of ``core.trust.Keys``, over every implementation."""

import pytest

from fallback.core.ids import UserId
from fallback.core.trust import IdentityState, VerificationStage
from fallback.errors import AuthError, ParseError, PermanentError
from fallback.simulator.keys import MemoryAccounts, MemoryKeys

LAILA, SARA = UserId("@laila:test"), UserId("@sara:test")


class Memory:
    """Two people, one of them with a second device, in memory."""

    room = None

    def __init__(self):
        self.accounts = MemoryAccounts()
        self.laila = MemoryKeys(self.accounts, LAILA, "LAPTOP")
        self.laila.room_keys = {"k1", "k2"}
        self.sara = MemoryKeys(self.accounts, SARA, "PHONE")

    async def second(self):
        """Sign Laila in on one more device."""
        return MemoryKeys(self.accounts, LAILA, "SECOND")

    async def settle(self):
        """Let both sides hear of what was said."""

    async def reset(self):
        """Lose Sara's identity and make another one, which Laila hears of; returns its fingerprint."""
        self.laila.known[SARA] = self.accounts.fingerprints[SARA]
        return self.accounts.reset(SARA)


@pytest.fixture(params=[Memory])
async def world(request):
    return request.param()


async def asked(world, asker, user):
    """Ask, and give the request as the other side sees it."""
    mine = await asker.verify(user, world.room)
    await world.settle()
    return mine.id


async def compared(world, one, other):
    """Bring two sides to where both see emojis; gives each one's id of it."""
    await asked(world, one, SARA if other is world.sara else LAILA)
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
    mine = await asked(world, world.laila, SARA)
    with pytest.raises(PermanentError):
        await world.laila.accept(mine)


async def test_a_changed_identity_is_told_until_it_is_taken(world):
    await world.laila.begin()
    await world.sara.begin()
    assert world.laila.changed() == {}
    fingerprint = await world.reset()
    assert world.laila.changed() == {SARA: fingerprint}
    with pytest.raises(PermanentError):
        await world.laila.accept_identity(SARA, "an older one")
    await world.laila.accept_identity(SARA, fingerprint)
    assert world.laila.changed() == {}


async def test_room_keys_travel_in_a_file_with_its_passphrase(world):
    text = await world.laila.export_keys("long enough")
    with pytest.raises(AuthError):
        await world.sara.import_keys(text, "another")
    assert await world.sara.import_keys(text, "long enough") == 2
    assert await world.sara.import_keys(text, "long enough") == 0
    with pytest.raises(ParseError):
        await world.sara.import_keys("no such file", "long enough")

"""Keys in the client: what a person sees, presses and can't do by accident, in both languages."""

import stat

import pytest

from fallback.core.emoji import EMOJI
from fallback.core.ids import RoomId, UserId
from fallback.core.trust import IdentityState, VerificationStage
from fallback.errors import AuthError
from fallback.simulator.keys import MemoryAccounts, MemoryKeys
from fallback.tui import words
from fallback.tui.messages import KeysChanged
from fallback.tui.screens.asking import Asking, Offer
from fallback.tui.screens.signing_in import SigningIn
from fallback.tui.screens.verifying import RecoveryKey, Verifying
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode
from fallback.tui.views import PersonView, Presence
from fallback.tui.widgets.asked import Field, KeysBar
from tests.tui.fakes import ME, NEWS, app, deliver, session
from tests.tui.test_main import screen

NADIA = UserId("@nadia:test")
HOSTILE = "Na\u202edia\x1b]0;owned\x07\u2066"


class Scene:
    """A person at the client, and Nadia at another one."""

    def __init__(self, one, client, pilot, accounts):
        self.one, self.client, self.pilot, self.accounts = one, client, pilot, accounts
        self.mine = MemoryKeys(accounts, UserId(ME), "LAPTOP", told=one.on_keys)
        self.nadia = MemoryKeys(accounts, NADIA, "PHONE")

    async def connect(self):
        self.one.keys = self.mine
        self.one.tell(KeysChanged())
        await self.settle()

    async def settle(self):
        for _ in range(4):
            await self.pilot.pause()

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text):
        self.client.screen.focused.insert(text)
        await self.settle()

    @property
    def window(self):
        return self.client.screen

    @property
    def bar(self):
        return self.client.main.query_one(KeysBar).text

    @property
    def composer(self):
        return self.client.main.composer

    def see(self):
        return screen(self.client)


async def people(_portal):
    return [
        PersonView(name="ليلى", contact=ME, presence=Presence.HERE, me=True),
        PersonView(name=HOSTILE, contact=NADIA, presence=Presence.HERE),
        PersonView(name="Ghost", contact="@wa_962790000001:test", presence=Presence.MISSING),
    ]


@pytest.fixture
async def scene(request):
    language, size = getattr(request, "param", ("en", (100, 32)))
    one = await session()
    one._roster = people
    client = app(one, language=language)
    async with client.run_test(size=size) as pilot:
        made = Scene(one, client, pilot, MemoryAccounts())
        await made.settle()
        yield made


both = pytest.mark.parametrize(
    "scene", [("en", (80, 24)), ("ar", (80, 24)), ("ar", (120, 35))], indirect=True, ids=str
)


async def test_without_keys_nothing_is_said_of_them(scene):
    assert scene.bar == ""
    await scene.press("f3")
    assert scene.window is scene.client.main


async def test_an_account_without_an_identity_gets_one_and_its_recovery_key_is_shown_until_it_is_written_down(
    scene,
):
    await scene.connect()
    assert "F3" in scene.bar
    await scene.press("f3")
    assert isinstance(scene.window, Offer)
    await scene.press("1")
    assert isinstance(scene.window, RecoveryKey)
    recovery = scene.accounts.recovery[ME]
    groups = [recovery[at : at + 4] for at in range(0, 48, 4)]
    assert all(group in scene.see() for group in groups)
    await scene.type("nope")
    await scene.press("enter")
    assert isinstance(scene.window, RecoveryKey)
    await scene.press("ctrl+u")
    await scene.type(groups[-1])
    await scene.press("enter")
    assert scene.window is scene.client.main
    assert (await scene.mine.state()).identity is IdentityState.READY
    assert scene.bar == ""


async def test_a_recovery_key_is_left_only_by_pressing_esc_twice(scene):
    await scene.connect()
    await scene.press("f3", "1")
    await scene.press("escape")
    assert isinstance(scene.window, RecoveryKey)
    await scene.press("escape")
    assert scene.window is scene.client.main


async def test_a_homeserver_that_wants_the_password_is_given_it(scene):
    scene.mine.password = "secret"
    await scene.connect()
    await scene.press("f3", "1")
    assert isinstance(scene.window, Asking)
    await scene.type("wrong")
    await scene.press("enter")
    assert "⚠" in scene.see()
    assert "wrong" not in scene.see()
    await scene.press("ctrl+u")
    await scene.type("secret")
    await scene.press("enter")
    assert isinstance(scene.window, RecoveryKey)


async def test_a_wrong_recovery_key_stays_in_its_field_to_be_mended(scene):
    recovery = await MemoryKeys(scene.accounts, UserId(ME), "OLD").begin()
    await scene.connect()
    await scene.press("f3", "1")
    await scene.type(recovery[:-1])
    await scene.press("enter")
    assert scene.window.query_one(Field).text == recovery[:-1]
    assert "⚠" in scene.see()
    await scene.type(recovery[-1])
    await scene.press("enter")
    assert (await scene.mine.state()).identity is IdentityState.READY


async def test_a_request_never_takes_what_is_being_typed(scene):
    await scene.mine.begin()
    await scene.connect()
    await scene.type("on my w")
    flow = await scene.nadia.verify(UserId(ME))
    await scene.settle()
    assert scene.window is scene.client.main
    assert "F3" in scene.bar
    await scene.press("a", "y", "1", "2")
    assert scene.composer.text == "on my way12"
    assert scene.mine.verifications()[0].stage is VerificationStage.ASKED
    await scene.press("f3", "1")
    assert scene.mine.verifications()[0].stage is VerificationStage.COMPARE
    assert scene.mine.verifications()[0].id == flow.id


@both
async def test_seven_emojis_are_named_in_the_persons_language_and_no_reflex_confirms_them(scene):
    await scene.mine.begin()
    await scene.nadia.begin()
    await scene.connect()
    await scene.nadia.verify(UserId(ME))
    await scene.settle()
    await scene.press("f3", "1")
    seen = scene.see()
    column = 2 if scene.client.main.setting.rtl else 1
    for number in scene.mine.verifications()[0].emoji:
        assert EMOJI[number][column] in seen
        assert EMOJI[number][0].rstrip("\ufe0f") in seen
    await scene.press("enter", "enter")
    assert scene.mine.verifications()[0].stage is VerificationStage.COMPARE
    await scene.press("1")
    assert scene.mine.verifications()[0].stage is VerificationStage.WAITING
    await scene.nadia.confirm(scene.nadia.verifications()[0].id)
    await scene.settle()
    assert "✓" in scene.see()
    await scene.press("enter")
    assert scene.window is scene.client.main


async def test_emojis_that_differ_stop_it_on_both_sides_with_a_warning(scene):
    await scene.connect()
    await scene.nadia.verify(UserId(ME))
    await scene.settle()
    await scene.press("f3", "1", "2")
    assert scene.nadia.verifications()[0].why == "m.mismatched_sas"
    assert "listening in" in scene.see()


async def test_a_person_of_the_group_is_asked_and_ghosts_are_not_offered(scene):
    await scene.mine.begin()
    await scene.connect()
    await scene.press("f6")
    assert "Ghost" not in scene.see()
    await scene.press("enter")
    assert isinstance(scene.window, Verifying)
    asked = scene.nadia.verifications()[0]
    await scene.nadia.accept(asked.id)
    await scene.settle()
    assert "They match" in scene.see()


@both
async def test_a_changed_identity_holds_messages_back_until_the_person_decides(scene):
    await scene.mine.begin()
    await scene.nadia.begin()
    scene.mine.known[NADIA] = scene.accounts.fingerprints[NADIA]
    await scene.connect()
    fingerprint = scene.accounts.reset(NADIA)
    await scene.settle()
    assert "⚠" in scene.bar
    await scene.type("secret plan")
    await scene.press("enter")
    assert isinstance(scene.window, Offer)
    assert fingerprint[:4] in scene.see()
    await scene.press("3")
    assert scene.composer.text == "secret plan"
    assert await scene.one.store.pending() == 0
    await scene.press("enter", "2")
    assert scene.composer.text == ""
    assert await scene.one.store.pending() == 1
    assert scene.bar == ""


@both
async def test_a_hostile_name_turns_no_line_round_and_gives_no_order(scene):
    await scene.mine.begin()
    await scene.connect()
    await scene.nadia.verify(UserId(ME))
    await scene.settle()
    seen = scene.see()
    await scene.press("f3")
    seen += scene.see()
    assert "Nadia" in seen
    assert not set(seen) & set("\x1b\x07\u202e")
    assert seen.count("\u2066") == 0


async def test_keys_travel_in_a_file_that_only_its_owner_reads(scene, tmp_path):
    await scene.mine.begin()
    scene.mine.room_keys = {"k1"}
    await scene.connect()
    await scene.press("f3", "3")
    file = tmp_path / "keys.txt"
    scene.window.query_one("#file", Field).load(str(file))
    scene.window.query_one("#passphrase", Field).load("long enough")
    scene.window.query_one("#again", Field).load("long enoug")
    scene.window.query_one("#again", Field).focus()
    await scene.press("enter")
    assert "differ" in scene.see()
    await scene.press("h", "enter")
    for _ in range(200):
        if scene.window is scene.client.main:
            break
        await scene.pilot.pause()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = MemoryKeys(scene.accounts, UserId(ME), "SECOND")
    assert await other.import_keys(file.read_text(), "long enough") == 1


async def test_messages_that_wait_for_their_key_are_counted_at_the_end(scene):
    await scene.mine.begin()
    scene.mine.waiting = 3
    await scene.connect()
    assert "3 messages wait" in scene.bar


async def test_after_signing_in_the_window_of_keys_opens_by_itself_once(scene):
    await scene.one.put("identity", "ask")
    await scene.connect()
    assert isinstance(scene.window, Offer)
    await scene.press("escape")
    scene.one.on_keys()
    await scene.settle()
    assert scene.window is scene.client.main


async def test_an_own_request_names_the_room_that_is_open(scene):
    assert await scene.one.room(NEWS) == RoomId("!news")
    await deliver(scene.one)


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


@both
async def test_the_window_of_keys(scene, snapshot):
    await MemoryKeys(scene.accounts, UserId(ME), "OLD").begin()
    scene.mine.waiting = 2
    await scene.connect()
    await scene.press("f3")
    assert scene.see() == snapshot


@both
async def test_a_changed_identity_as_it_is_told(scene, snapshot):
    await scene.mine.begin()
    scene.mine.known[NADIA] = "old"
    scene.accounts.fingerprints[NADIA] = "4iXJmdXpVo5kPcVRsEh7Y2UmHWgL"
    await scene.connect()
    await scene.press("f3")
    assert scene.see() == snapshot


# ── signing in ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_signing_in_says_each_error_in_a_sentence_and_keeps_what_was_typed(snapshot, language):
    from fallback.config import Interface

    seen = []

    async def sign_in(user, password, homeserver):
        seen.append((user, password, homeserver))
        if password != "right":
            raise AuthError("the homeserver refused the password", "Type it again.")

    client = SigningIn(sign_in, Interface(language=language), setting=Setting(Mode.OFF))
    async with client.run_test(size=(80, 24)) as pilot:
        await pilot.pause()

        async def hand_in(name, text):
            field = client.screen.query_one(f"#{name}", Field)
            field.load(text)
            field.focus()

        await hand_in("user", "laila")
        await hand_in("password", "wrong")
        await hand_in("homeserver", "")
        await pilot.press("enter")
        await pilot.pause()
        assert seen == []
        await hand_in("user", "@laila:test")
        await hand_in("homeserver", "")
        await pilot.press("enter")
        await pilot.pause()
        assert seen == [("@laila:test", "wrong", "")]
        picture = screen(client)
        assert "wrong" not in picture
        assert picture == snapshot
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert client.screen.query_one("#user", Field).text == "@laila:test"
        await hand_in("password", "right")
        await hand_in("homeserver", "")
        await pilot.press("enter")
        await pilot.pause()
    assert client.return_value is True


async def test_leaving_the_first_screen_signs_nobody_in():
    async def sign_in(*_):
        raise AssertionError

    client = SigningIn(sign_in, setting=Setting(Mode.OFF))
    async with client.run_test() as pilot:
        await pilot.press("escape")
    assert client.return_value is False


@pytest.mark.parametrize(
    ("verdict", "mark"), [("", ""), ("ok", ""), ("imported", ""), ("unsigned", "◇"), ("unknown", "◇")]
)
def test_only_a_sender_who_is_not_proven_gets_a_mark(verdict, mark):
    assert words.TRUST_MARKS.get(verdict, "") == mark
    assert bool(words.trust(verdict)) == bool(verdict)

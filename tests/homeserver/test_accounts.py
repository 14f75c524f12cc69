import asyncio

import pytest

from fallback.errors import AuthError, TransientError, UsageError
from fallback.homeserver import accounts
from fallback.homeserver.api import call

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


async def test_a_new_account_signs_in_and_has_its_name(live):
    account = await live.account("salma", display_name="سلمى Haddad")
    token, device = await live.server.login(account.user, account.password, device="TUI")
    assert device == "TUI"
    assert account.created
    status, profile = await asyncio.to_thread(
        call, live.url, "GET", f"/_matrix/client/v3/profile/{account.user}", token=token
    )
    assert (status, profile["displayname"]) == (200, "سلمى Haddad")


async def test_an_account_that_exists_gets_a_new_password_and_stays_signed_in(live):
    first = await live.account("omar")
    token, _ = await live.server.login(first.user, first.password)
    name = first.user.partition(":")[0].removeprefix("@")
    second = await live.server.create_account(name)
    assert (second.user, second.created) == (first.user, False)
    with pytest.raises(AuthError):
        await live.server.login(first.user, first.password)
    await live.server.login(second.user, second.password)
    status, who = await asyncio.to_thread(
        call, live.url, "GET", "/_matrix/client/v3/account/whoami", token=token
    )
    assert (status, who["user_id"]) == (200, first.user)


async def test_no_repr_shows_the_password(live):
    account = await live.account()
    assert account.password not in repr(account)


async def test_a_wrong_password_is_told_without_it(live):
    account = await live.account()
    with pytest.raises(AuthError) as raised:
        await live.server.login(account.user, "hunter2")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "Salma", "a b", "سلمى", "wa_49151", accounts.ADMIN, "a\nb"])
async def test_a_name_that_can_not_be_used_is_refused(live, name):
    with pytest.raises(UsageError):
        await live.server.create_account(name)


async def test_an_admin_may_administer_and_others_may_not(live):
    boss = await live.server.create_account("boss", admin=True)
    plain = await live.account()
    for account, expected in ((boss, 200), (plain, 403)):
        token, _ = await live.server.login(account.user, account.password)
        status, _ = await asyncio.to_thread(call, live.url, "GET", "/_synapse/admin/v2/users", token=token)
        assert status == expected


async def test_a_team_meets_no_rate_limit(live):
    account = await live.account()
    tokens = [await live.server.login(account.user, account.password) for _ in range(6)]
    assert len({token for token, _ in tokens}) == 6
    token = tokens[0][0]
    colleagues = [live.ghost() for _ in range(12)]
    body = {"preset": "private_chat", "invite": colleagues}
    status, room = await asyncio.to_thread(
        call, live.url, "POST", "/_matrix/client/v3/createRoom", body, token=token
    )
    assert status == 200
    for number in range(25):
        path = f"/_matrix/client/v3/rooms/{room['room_id']}/send/m.room.message/{number}"
        status, _ = await asyncio.to_thread(
            call, live.url, "PUT", path, {"msgtype": "m.text", "body": "x"}, token=token
        )
        assert status == 200
    status, version = await asyncio.to_thread(
        call,
        live.url,
        "GET",
        f"/_matrix/client/v3/rooms/{room['room_id']}/state/m.room.create",
        token=token,
    )
    assert version["room_version"] == "12"


@pytest.mark.parametrize("path", ["/_matrix/federation/v1/version", "/_matrix/key/v2/server"])
async def test_there_is_no_federation(live, path):
    status, _ = await asyncio.to_thread(call, live.url, "GET", path)
    assert status == 404


async def test_somebody_on_another_homeserver_can_not_be_invited(live):
    _, token, _ = await live.owner()
    _, room = await asyncio.to_thread(
        call, live.url, "POST", "/_matrix/client/v3/createRoom", {}, token=token
    )
    path = f"/_matrix/client/v3/rooms/{room['room_id']}/invite"
    status, _ = await asyncio.to_thread(
        call, live.url, "POST", path, {"user_id": "@eve:example.org"}, token=token
    )
    assert status == 403


def register(url, name, token=""):
    """Make an account as a client does; gives the last answer."""
    body = {"username": name, "password": "a long enough one 1"}
    status, asked = call(url, "POST", "/_matrix/client/v3/register", body)
    if not token:
        return status, asked
    flow = {"session": asked["session"]}
    call(
        url,
        "POST",
        "/_matrix/client/v3/register",
        body | {"auth": flow | {"type": "m.login.registration_token", "token": token}},
    )
    return call(url, "POST", "/_matrix/client/v3/register", body | {"auth": flow | {"type": "m.login.dummy"}})


async def test_registration_is_closed_without_a_token(live):
    status, asked = await asyncio.to_thread(register, live.url, "eve")
    assert status == 401
    assert all("m.login.registration_token" in flow["stages"] for flow in asked["flows"])
    status, _ = await asyncio.to_thread(register, live.url, "eve", "guessed")
    assert status == 401


async def test_a_token_makes_one_account_and_no_second_one(live):
    token = await live.server.registration_token(expires_at=2**43)
    status, made = await asyncio.to_thread(register, live.url, "mona", token)
    assert (status, made["user_id"]) == (200, f"@mona:{live.server_name}")
    status, _ = await asyncio.to_thread(register, live.url, "eve", token)
    assert status == 401


async def test_nobody_at_home_is_a_transient_error():
    with pytest.raises(TransientError):
        await asyncio.to_thread(call, "http://127.0.0.1:1", "GET", "/")

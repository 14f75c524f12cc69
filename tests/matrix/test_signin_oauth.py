"""OAuth 2.0 against the stand-in that ships: the grants, their errors, the browser's answer."""

import asyncio

import aiohttp
import msgspec
import pytest

from fallback.compose.accounts import account, enter, renewal, sign_out
from fallback.errors import AuthError, FallbackError, PermanentError
from fallback.matrix.http import MatrixHttp, UnknownTokenError
from fallback.matrix.signin import (
    GrantError,
    InterruptedSignInError,
    Session,
    browser,
    device_code,
    discover,
    end,
    password,
    renew,
)
from fallback.matrix.signin.listener import Listener
from fallback.simulator.identity import OAuthHomeserver
from fallback.store.memory import MemoryStore

USER = "@sara:example.org"
DEVICE = "FALLBACK0123456789"
WHOAMI = "/_matrix/client/v3/account/whoami"


class Eager:
    """A clock whose sleeps are over at once."""

    def __init__(self):
        self.slept = []

    def now(self):
        return int(self.monotonic() * 1000)

    def monotonic(self):
        return float(sum(self.slept))

    async def sleep(self, seconds):
        self.slept.append(seconds)


def visitor(group, seen):
    """Be a person whose browser follows all redirects."""

    async def browse(address):
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            seen.append((address, response.status))

    return lambda visit: group.create_task(browse(visit.address))


async def by_code(server, seen=None, clock=None):
    offered = await discover("", server.url)
    http = MatrixHttp(server.url)
    try:
        tell = (seen if seen is not None else []).append
        return await device_code(offered.oauth, tell, clock or Eager())(http, DEVICE)
    finally:
        await http.close()


async def test_a_device_code_signs_in_once_the_person_said_yes():
    async with OAuthHomeserver(USER, "authorization_pending", "slow_down", "authorization_pending") as server:
        seen, clock = [], Eager()
        session = await by_code(server, seen, clock)
        (visit,) = seen
        assert (visit.address, visit.code, visit.here) == (f"{server.url}/link", "WDJB-MJHT", False)
        assert (session.user, session.device, session.token) == (USER, DEVICE, server.devices[DEVICE])
        assert clock.slept == [5, 5, 10, 10]
        (_, about), (_, asked) = server.asked[:2]
        assert about["token_endpoint_auth_method"] == "none"
        assert about["redirect_uris"] == ["http://127.0.0.1/callback"]
        assert asked["scope"] == f"urn:matrix:client:api:* urn:matrix:client:device:{DEVICE}"
        assert session.token not in repr(session)


@pytest.mark.parametrize(
    ("error", "says"),
    [("access_denied", "declined"), ("expired_token", "expired"), ("invalid_grant", "invalid_grant")],
)
async def test_a_no_of_the_authorization_server_is_told(error, says):
    async with OAuthHomeserver(USER, "authorization_pending", error) as server:
        with pytest.raises(GrantError, match=says):
            await by_code(server)
        assert not server.devices


async def test_a_code_that_nobody_used_expires():
    async with OAuthHomeserver(USER, *["authorization_pending"] * 100) as server:
        clock = Eager()
        with pytest.raises(GrantError, match="expired"):
            await by_code(server, clock=clock)
    assert sum(clock.slept) == 300


async def test_the_browser_signs_in_with_pkce():
    async with OAuthHomeserver(USER) as server:
        async with asyncio.TaskGroup() as group:
            offered, seen, http = await discover("", server.url), [], MatrixHttp(server.url)
            session = await browser(offered.oauth, visitor(group, seen))(http, DEVICE)
            await http.close()
        assert session.token == server.devices[DEVICE]
        ((address, status),) = seen
        assert "code_challenge_method=S256" in address
        assert status == 200


async def test_an_answer_with_another_state_is_not_used():
    async with OAuthHomeserver(USER) as server, asyncio.TaskGroup() as group:
        offered, http = await discover("", server.url), MatrixHttp(server.url)
        visit = visitor(group, [])

        def tamper(one):
            visit(type(one)(one.address.replace("state=", "state=x")))

        with pytest.raises(AuthError, match="another sign-in"):
            await browser(offered.oauth, tamper)(http, DEVICE)
        await http.close()
        assert not server.devices


async def test_refresh_and_revocation():
    async with OAuthHomeserver(USER) as server:
        session = await by_code(server)
        http = MatrixHttp(server.url)
        fresh = await renew(http, session)
        assert fresh.token == server.devices[DEVICE] != session.token
        assert fresh.refresh_token != session.refresh_token
        with pytest.raises(GrantError):
            await renew(http, session)
        await end(http, fresh)
        assert not server.devices
        await http.close()


async def test_requests_that_meet_an_expired_token_renew_it_once_and_are_made_again():
    async with OAuthHomeserver(USER) as server:
        session = await by_code(server)
        plain, calls = MatrixHttp(server.url), 0

        async def renewed(_expired):
            nonlocal session, calls
            calls += 1
            session = await renew(plain, session)
            return session.token

        http = MatrixHttp(server.url, session.token, renew=renewed)
        for expiry in (1, 2):
            server.expire()
            path = WHOAMI
            answers = await asyncio.gather(*(http.json("GET", path) for _ in range(20)))
            assert all(answer["device_id"] == DEVICE for answer in answers)
            assert calls == expiry
        server.devices.clear()
        with pytest.raises(UnknownTokenError) as raised:
            await http.json("GET", path)
        assert not raised.value.soft
        await asyncio.gather(http.close(), plain.close())


async def test_a_server_without_registration_is_told():
    async with OAuthHomeserver(USER) as server:
        offered, http = await discover("", server.url), MatrixHttp(server.url)
        shut = msgspec.structs.replace(offered.oauth, registration_endpoint="")
        with pytest.raises(PermanentError, match="no new programs"):
            await device_code(shut, print, Eager())(http, DEVICE)
        await http.close()


async def get(address):
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        return response.status


async def test_the_listener_takes_one_answer_at_its_own_path_on_loopback_alone(caplog):
    async with Listener("loginToken") as one, Listener("loginToken") as other:
        assert one.address.startswith("http://127.0.0.1:")
        assert one.address.split("/")[3] != other.address.split("/")[3]
        root = one.address.rsplit("/", 1)[0]
        assert await get(f"{root}/?loginToken=evil") == 404
        assert await get(one.address) == 400
        async with aiohttp.ClientSession() as session:
            assert (await session.head(f"{one.address}?loginToken=preview")).status == 405
        assert await get(f"{one.address}?loginToken=first") == 200
        assert await get(f"{one.address}?loginToken=second") == 410
        assert (await one.answer())["loginToken"] == "first"
        with pytest.raises(AuthError, match="in time"):
            await other.answer(0)
    assert "first" not in caplog.text


async def test_a_refusal_in_the_browser_is_told():
    async with Listener("code", state="s") as listener:
        await get(f"{listener.address}?error=access_denied&state=s")
        with pytest.raises(AuthError, match="refused in the browser"):
            await listener.answer()


class TestAProfile:
    async def test_it_signs_in_renews_and_signs_out(self):
        async with OAuthHomeserver(USER) as server:
            store, offered = MemoryStore(), await discover("", server.url)
            known = await enter(store, server.url, device_code(offered.oauth, print, Eager()))
            server.expire()
            again = await enter(store, server.url, device_code(offered.oauth, print, Eager()))
            assert again.device == known.device
            server.expire()
            http = MatrixHttp(server.url, again.token, renew=renewal(store))
            await http.json("GET", WHOAMI)
            await http.close()
            assert (await account(store)).token == http.token == server.devices[known.device]
            assert await sign_out(store)
            assert not server.devices

    async def test_two_clients_of_it_share_a_renewal(self):
        async with OAuthHomeserver(USER) as server:
            store, offered = MemoryStore(), await discover("", server.url)
            known = await enter(store, server.url, device_code(offered.oauth, print, Eager()))
            one, other = (MatrixHttp(server.url, known.token, renew=renewal(store)) for _ in range(2))
            server.expire()
            await one.json("GET", WHOAMI)
            await other.json("GET", WHOAMI)
            assert one.token == other.token != known.token
            server.expire()
            await one.json("GET", WHOAMI)
            server.expire()
            await other.json("GET", WHOAMI)
            assert other.token == server.devices[known.device]
            await asyncio.gather(one.close(), other.close())

    async def test_a_device_that_can_not_be_taken_back_is_named(self, caplog):
        async with OAuthHomeserver("@other:example.org") as server:
            offered = await discover("", server.url)
            server.shut = True
            with pytest.raises(AuthError, match="not for @other"):
                await enter(MemoryStore(), server.url, device_code(offered.oauth, print, Eager()), user=USER)
            (device,) = server.devices
            assert device in caplog.text
            assert server.devices[device] not in caplog.text

    async def test_its_token_is_never_shown_to_another_homeserver(self):
        async with OAuthHomeserver(USER) as server, OAuthHomeserver(USER) as evil:
            store, offered = MemoryStore(), await discover("", server.url)
            known = await enter(store, server.url, device_code(offered.oauth, print, Eager()))
            with pytest.raises(FallbackError):
                await enter(store, evil.url, password(USER, "pass-word"))
            assert known.token not in str(evil.asked)
            assert evil.tokens == []

    async def test_a_person_who_stops_it_while_the_same_device_signs_in_again_keeps_the_new_token(self):
        async with OAuthHomeserver(USER) as server:
            store, offered = MemoryStore(), await discover("", server.url)
            known = await enter(store, server.url, device_code(offered.oauth, print, Eager()))
            again = msgspec.structs.replace(known, token="new", url=server.url)

            async def stopped(_http, device):
                raise InterruptedSignInError(
                    Session(USER, device, "new", known.refresh_token, known.client_id)
                )

            with pytest.raises(asyncio.CancelledError):
                await enter(store, server.url, stopped)
            assert await account(store) == again

"""Signing in to a real Synapse: every way it knows, renewal, soft logout, sign-out, and being stopped half-way."""

import asyncio
import contextlib
import html
import re

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner

from fallback.cli import main
from fallback.compose.accounts import ACCOUNT, Account, account, enter, renewal, sign_in, sign_out
from fallback.core.ports import RoomSpec
from fallback.errors import AuthError
from fallback.homeserver import ManagedHomeserver
from fallback.homeserver.accounts import ADMIN
from fallback.matrix import signin
from fallback.matrix.client import NioHomeserver
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.http import MatrixHttp, UnknownTokenError, bearer
from fallback.simulator.identity import CasServer
from fallback.store.memory import MemoryStore
from tests.live_synapse import run

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
WHOAMI = "/_matrix/client/v3/account/whoami"
REGISTRATION = "made-by-the-admin"


class OpenHomeserver(ManagedHomeserver):
    """A managed homeserver with all that signing in is about; its tokens live for a second."""

    cas = "http://127.0.0.1:1"

    def _prepare(self, *, detach):
        super()._prepare(detach=detach)
        known = msgspec.json.decode(self.layout.config.read_bytes())
        known |= {
            "enable_registration": True,
            "registration_requires_token": True,
            "refreshable_access_token_lifetime": "1s",
            "nonrefreshable_access_token_lifetime": "60s",
            "cas_config": {"enabled": True, "server_url": self.cas, "idp_name": "Work"},
        }
        self.layout.config.write_bytes(msgspec.json.encode(known))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    served = OpenHomeserver(tmp_path_factory.mktemp("signin") / "homeserver")
    run(served.start())
    yield served
    run(served.stop())


@pytest.fixture(scope="module")
def sara(server):
    return run(server.create_account("sara"))


@pytest.fixture
async def http(server):
    client = MatrixHttp(server.url)
    yield client
    await client.close()


async def until_expired(http, known):
    """Ask until the homeserver says that the token has expired; gives what it says."""
    while True:
        try:
            await http.json("GET", WHOAMI, headers=bearer(known.token))
        except UnknownTokenError as error:
            return error


async def devices(server, user):
    """List an account's devices as the homeserver's admin sees them."""
    admin = await server.create_account(ADMIN + "2", admin=True)
    token, _ = await server.login(admin.user, admin.password)
    http = MatrixHttp(server.url, token)
    try:
        answer = await http.json("GET", f"/_synapse/admin/v2/users/{user}/devices")
    finally:
        await http.close()
    return {one["device_id"] for one in answer["devices"]}


async def test_a_homeserver_tells_its_ways_in(server):
    offered = await signin.discover("", server.url)
    assert (offered.password, offered.sso, offered.oauth) == (True, True, None)
    assert [one.name for one in offered.providers] == ["Work"]


async def test_a_password_signs_in_and_the_token_is_renewed_for_every_request_at_once(server, sara, http):
    store = MemoryStore()
    known = await sign_in(store, server.url, sara.user, sara.password)
    assert known.refresh_token
    assert known.token not in repr(known)
    assert (await until_expired(http, known)).soft
    client = MatrixHttp(server.url, known.token, renew=renewal(store))
    answers = await asyncio.gather(*(client.json("GET", WHOAMI) for _ in range(10)))
    assert {answer["device_id"] for answer in answers} == {known.device}
    kept = await account(store)
    assert kept.token == client.token != known.token
    assert kept.device == known.device
    await client.close()
    assert await sign_out(store)


async def test_a_renewal_that_was_lost_on_the_way_is_repeated(server, sara, http):
    store = MemoryStore()
    known = await sign_in(store, server.url, sara.user, sara.password)
    session = signin.Session(known.user, known.device, known.token, known.refresh_token)
    await signin.renew(http, session)
    assert (await signin.renew(http, session)).token != known.token


async def test_a_wrong_password_stores_nothing(server, sara):
    store = MemoryStore()
    with pytest.raises(AuthError, match="Invalid"):
        await sign_in(store, server.url, sara.user, "wrong")
    assert await store.get(ACCOUNT) is None


async def test_after_a_soft_logout_the_same_device_signs_in_again(server, sara, http):
    store = MemoryStore()
    known = await sign_in(store, server.url, sara.user, sara.password)
    stale = msgspec.structs.replace(known, refresh_token="gone")
    await store.put(ACCOUNT, msgspec.json.encode(stale).decode())
    await until_expired(http, known)
    client = MatrixHttp(server.url, known.token, renew=renewal(store))
    with pytest.raises(UnknownTokenError) as raised:
        await client.json("GET", WHOAMI)
    await client.close()
    assert raised.value.soft
    assert "keys are kept" in raised.value.hint
    assert (await sign_in(store, server.url, sara.user, sara.password)).device == known.device


async def test_after_a_hard_logout_the_device_is_another(server, sara):
    store = MemoryStore()
    known = await sign_in(store, server.url, sara.user, sara.password)
    client = MatrixHttp(server.url, known.token)
    await client.request("POST", "/_matrix/client/v3/logout", b"{}")
    await client.close()
    assert (await sign_in(store, server.url, sara.user, sara.password)).device != known.device


async def test_a_sign_out_deletes_the_device_and_keeps_the_profile_for_the_same_person(server, sara):
    store = MemoryStore()
    known = await sign_in(store, server.url, sara.user, sara.password)
    assert known.device in await devices(server, sara.user)
    assert await sign_out(store)
    assert known.device not in await devices(server, sara.user)
    with pytest.raises(AuthError, match="no Matrix account"):
        await account(store)
    with pytest.raises(AuthError, match="not for @nour"):
        await sign_in(store, server.url, "@nour:fallback.local", "x")
    assert (await sign_in(store, server.url, sara.user, sara.password)).device != known.device


async def test_a_token_got_elsewhere_signs_its_own_device_in(server, sara):
    token, device = await server.login(sara.user, sara.password)
    known = await enter(MemoryStore(), server.url, signin.token(token))
    assert (known.user, known.device, known.token) == (sara.user, device, token)
    with pytest.raises(AuthError, match="is for @nour"):
        await enter(MemoryStore(), server.url, signin.token(token), user="@nour:fallback.local")
    assert device in await devices(server, sara.user)


async def test_a_registration_token_makes_an_account(server, http):
    admin = await server.create_account(ADMIN + "2", admin=True)
    token, _ = await server.login(admin.user, admin.password)
    with contextlib.suppress(Exception):
        await http.json(
            "POST",
            "/_synapse/admin/v1/registration_tokens/new",
            body={"token": REGISTRATION, "uses_allowed": 2},
            headers=bearer(token),
        )
    nour = f"@nour:{server.server_name}"
    with pytest.raises(AuthError, match="registration token alone"):
        await enter(MemoryStore(), server.url, signin.register(nour, "pass-word"), user=nour)
    with pytest.raises(AuthError, match="was refused"):
        await enter(MemoryStore(), server.url, signin.register(nour, "pass-word", "wrong"), user=nour)
    known = await enter(
        MemoryStore(), server.url, signin.register(nour, "pass-word", REGISTRATION), user=nour
    )
    assert known.user == nour
    assert known.refresh_token
    arguments = ["login", f"@lina:{server.server_name}", "--register", "--homeserver", server.url]
    result = await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=f"{REGISTRATION}\nanother-pass-word\n"
    )
    assert result.exit_code == 0, result.output
    assert REGISTRATION not in result.output
    assert await server.login(f"@lina:{server.server_name}", "another-pass-word")
    with pytest.raises(AuthError, match="taken"):
        await enter(MemoryStore(), server.url, signin.register(nour, "pass-word", REGISTRATION), user=nour)


async def browse(address):
    """Be a person: follow the redirects, and press Continue on the homeserver's page."""
    async with aiohttp.ClientSession() as session:
        async with session.get(address) as response:
            page = await response.text()
        (link,) = re.findall(r'<a href="([^"]+)" class="primary-button"', page)
        async with session.get(html.unescape(link)) as response:
            assert response.status == 200


async def test_single_sign_on_through_the_browser(tmp_path):
    async with CasServer("salma") as cas:
        server = OpenHomeserver(tmp_path / "homeserver")
        server.cas = cas.url
        async with server, asyncio.TaskGroup() as group:
            way = signin.single_sign_on(lambda visit: group.create_task(browse(visit.address)))
            store = MemoryStore()
            known = await enter(store, server.url, way)
            assert known.user == f"@salma:{server.server_name}"
            assert known.refresh_token
            with pytest.raises(AuthError, match="is for @sara"):
                await enter(MemoryStore(), server.url, way, user=f"@sara:{server.server_name}")
            assert await devices(server, known.user) == {known.device}


async def test_two_people_sign_in_at_once(server, sara):
    first, second = MemoryStore(), MemoryStore()
    one, other = await asyncio.gather(
        *(sign_in(store, server.url, sara.user, sara.password) for store in (first, second))
    )
    assert one.device != other.device
    assert {one.device, other.device} <= await devices(server, sara.user)


class Stopping(MemoryStore):
    """A store at which the person presses Ctrl-C just before the account would be kept."""

    async def put(self, key, value):
        raise asyncio.CancelledError


async def test_a_sign_in_that_is_stopped_before_it_was_stored_deletes_its_device(server, sara):
    before = await devices(server, sara.user)
    with pytest.raises(asyncio.CancelledError):
        await sign_in(Stopping(), server.url, sara.user, sara.password)
    assert await devices(server, sara.user) == before


async def test_a_sign_in_that_is_stopped_while_the_homeserver_makes_the_device_deletes_it(server, sara):
    before, store, asked, made = await devices(server, sara.user), MemoryStore(), asyncio.Event(), []

    async def way(http, device):
        asked.set()
        try:
            return await signin.password(sara.user, sara.password)(http, device)
        except signin.InterruptedSignInError as stop:
            made.append(stop.session.device)
            raise

    async with asyncio.TaskGroup() as group:
        task = group.create_task(enter(store, server.url, way))
        await asked.wait()
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert len(made) == 1
    assert await store.get(ACCOUNT) is None
    assert await devices(server, sara.user) == before


@pytest.mark.parametrize("version", ["11", "12"])
async def test_rooms_of_both_versions_work(server, sara, version, tmp_path):
    token, device = await server.login(sara.user, sara.password)
    other = await server.create_account("other")
    client = SafeClient(server.url, sara.user, device, token, folder=tmp_path, key=bytes(32))
    side = NioHomeserver(client, MemoryStore())
    try:
        room = await side.create_room(RoomSpec(name="work", version=version, admins=(other.user,)))
        assert (":" in room) == (version == "11")
        state = await side.room_state(room)
        assert set(state.admins) == {sara.user, other.user}
        await side.invite(room, other.user)
        assert [one.mxid for one in (await side.room_state(room)).invited] == [other.user]
        path = f"/_matrix/client/v3/rooms/{room}/state"
        create = await side.http.json("GET", f"{path}/m.room.create")
        power = await side.http.json("GET", f"{path}/m.room.power_levels")
        assert create["room_version"] == version
        assert (sara.user in power["users"]) == (version == "11")
    finally:
        await side.close()


def test_an_account_that_an_older_version_stored_is_still_read():
    old = b'{"url":"http://127.0.0.1:8008","user":"@a:b","device":"D","token":"t"}'
    assert msgspec.json.decode(old, type=Account).refresh_token == ""

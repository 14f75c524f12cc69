"""Chains through our module in a real Synapse."""

import pytest
from aiohttp import web

from fallback.core.ids import DeliveryId, UserId
from fallback.core.importing import Brought, Refused
from fallback.errors import AuthError, HomeserverError, TransientError
from fallback.matrix.appservice import Appservice
from fallback.matrix.chain import PATH, ChainImporter
from fallback.matrix.http import MatrixHttp

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]

THEN = 1_633_360_000_000
"""4 October 2021."""

KIND = "m.room.message"


async def unguarded(room):
    """Let everything in."""


class Scene:
    """A room with ghosts in it, and what was said about the way."""

    def __init__(self, live, token):
        self.live = live
        self.http = MatrixHttp(live.url, token)
        self.appservice = Appservice(self.http, live.as_token, live.server_name)
        self.said = []
        self.importer = self.through(self.appservice)
        self.room = ""
        self.ghosts = []

    def through(self, appservice):
        return ChainImporter(appservice, unguarded, say=self.said.append)

    async def open(self):
        made = await self.http.json("POST", "/_matrix/client/v3/createRoom", body={"preset": "private_chat"})
        self.room = made["room_id"]
        self.ghosts = [await self.joined() for _ in range(2)]
        return self

    async def invited(self):
        user = UserId(self.live.ghost())
        await self.appservice.ensure_ghost(user, "Salma")
        await self.http.json("POST", f"/_matrix/client/v3/rooms/{self.room}/invite", body={"user_id": user})
        return user

    async def joined(self):
        user = await self.invited()
        await self.appservice.join(self.room, user)
        return user

    async def timeline(self):
        return [one async for one in self.appservice.messages(self.room, sender=self.ghosts[0])]

    async def told(self):
        return [one["event_id"] for one in await self.timeline() if one["type"] == KIND]

    def batch(self, numbers, **fields):
        return [
            Brought(
                KIND,
                fields.get("content") or {"msgtype": "m.text", "body": f"m{number}"},
                fields.get("sender") or self.ghosts[number % 2],
                THEN - number,
                DeliveryId(f"k{number}"),
            )
            for number in numbers
        ]

    async def post(self, events, **headers):
        """Ask the module as it is, without the client's care."""
        token = {"Authorization": f"Bearer {self.live.as_token}"}
        return await self.http.json(
            "POST", PATH, body={"room_id": self.room, "events": events}, headers=token | headers
        )


@pytest.fixture
async def scene(live):
    _, token, _ = await live.owner()
    made = await Scene(live, token).open()
    yield made
    await made.appservice.close()


def link(scene, **fields):
    usual = {"type": KIND, "content": {"msgtype": "m.text", "body": "x"}, "sender": scene.ghosts[0]}
    return {**usual, "origin_server_ts": THEN, "key": "k", **fields}


async def test_a_chain_keeps_its_order_its_senders_and_its_times(scene):
    made = await scene.importer.put(scene.room, scene.batch(range(120)))
    timeline = [one for one in await scene.timeline() if one["type"] == KIND]
    assert [one["event_id"] for one in timeline] == made
    assert [(one["sender"], one["origin_server_ts"], one["content"]["body"]) for one in timeline] == [
        (scene.ghosts[number % 2], THEN - number, f"m{number}") for number in range(120)
    ]
    assert scene.said == []


async def test_a_chain_that_is_repeated_is_the_same_events(scene):
    made = await scene.importer.put(scene.room, scene.batch(range(10)))
    assert await scene.importer.put(scene.room, scene.batch(range(5, 15))) == [
        *made[5:],
        *(await scene.told())[10:],
    ]
    assert len(await scene.told()) == 15


async def test_the_same_key_twice_in_a_chain_is_one_event(scene):
    one = scene.batch([1])
    made = await scene.importer.put(scene.room, one + one)
    assert made == [*await scene.told()] * 2


async def test_a_put_after_the_chain_with_its_key_is_the_chain_s_event(scene):
    (made,) = await scene.importer.put(scene.room, scene.batch([1]))
    again = await scene.appservice.send(
        scene.room, KIND, {"body": "m1", "msgtype": "m.text"}, sender=scene.ghosts[1], txn="k1", at=THEN
    )
    assert again == made


async def test_a_poisoned_event_is_refused_and_the_rest_goes_in_in_order(scene):
    batch = scene.batch(range(40))
    for number in (0, 17, 39):
        batch[number] = scene.batch([number], content={"body": "x" * 70_000, "msgtype": "m.text"})[0]
    made = await scene.importer.put(scene.room, batch)
    assert [number for number, one in enumerate(made) if isinstance(one, Refused)] == [0, 17, 39]
    assert [one for one in made if not isinstance(one, Refused)] == await scene.told()


async def test_a_ghost_that_is_not_in_the_room_can_not_speak_in_it(scene):
    user = UserId(scene.live.ghost())
    await scene.appservice.ensure_ghost(user, "Omar")
    made = await scene.importer.put(scene.room, [*scene.batch([1], sender=user), *scene.batch([2])])
    assert isinstance(made[0], Refused)
    assert made[1:] == await scene.told()


@pytest.mark.parametrize("who", ["owner", "unregistered"])
async def test_nobody_speaks_but_the_appservice_s_own_ghosts(scene, who):
    user = (await scene.live.owner())[0] if who == "owner" else scene.live.ghost()
    (made,) = await scene.importer.put(scene.room, scene.batch([1], sender=UserId(user)))
    assert isinstance(made, Refused)
    assert await scene.told() == []


async def test_ghosts_that_are_invited_join_in_a_chain(scene):
    users = [await scene.invited() for _ in range(3)]
    joins = [
        link(
            scene, type="m.room.member", sender=user, state_key=user, content={"membership": "join"}, key=user
        )
        for user in users
    ]
    first = await scene.post([*joins, link(scene, sender=users[2])])
    again = await scene.post(joins)
    assert again["events"] == first["events"][:3]
    assert set(users) <= set(await scene.appservice.members(scene.room, sender=scene.ghosts[0]))
    assert await scene.told() == [first["events"][3]["event_id"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "m.room.name", "state_key": "", "content": {"name": "mine"}},
        {"type": "m.room.member", "state_key": "@somebody:else", "content": {"membership": "join"}},
        {"type": "m.room.redaction", "content": {"redacts": "$x"}},
        {"origin_server_ts": -1},
        {"content": {"body": 1.5}},
    ],
)
async def test_what_is_no_message_is_refused(scene, fields):
    answer = await scene.post([link(scene, **fields)])
    assert set(answer["events"][0]) == {"errcode", "error"}


async def test_a_wrong_token_is_refused_and_so_is_a_proxy_s_visitor(scene):
    stranger = Appservice(scene.http, "not-the-token", scene.live.server_name)
    with pytest.raises(AuthError):
        await scene.through(stranger).put(scene.room, scene.batch([1]))
    account = Appservice(scene.http, scene.http.token, scene.live.server_name)
    with pytest.raises(AuthError):
        await scene.through(account).put(scene.room, scene.batch([1]))
    with pytest.raises(Exception, match="only for this machine"):
        await scene.post([link(scene)], **{"X-Forwarded-For": "127.0.0.1"})
    assert await scene.told() == []


class Lacking(Appservice):
    """An appservice on a homeserver without our module, or with another answer of it."""

    def __init__(self, scene, answer):
        super().__init__(scene.http, scene.live.as_token, scene.live.server_name)
        self.path = answer

    async def exchange(self, method, path, body=None):
        return await super().exchange(method, self.path, body)


@pytest.mark.parametrize("instead", ["/_synapse/client/nothing", "/_matrix/client/versions"])
async def test_without_the_module_it_goes_one_by_one_and_says_so_once(scene, instead):
    importer = scene.through(Lacking(scene, instead))
    batch = scene.batch(range(4))
    batch[1] = scene.batch([1], content={"body": "x" * 70_000, "msgtype": "m.text"})[0]
    made = await importer.put(scene.room, batch)
    assert isinstance(made[1], Refused)
    assert [one for one in made if not isinstance(one, Refused)] == await scene.told()
    await importer.put(scene.room, scene.batch([9]))
    assert len(scene.said) == 1
    assert "one by one" in scene.said[0]


class Stub:
    """A homeserver that gives the answers it is told to."""

    def __init__(self):
        self.answers = []
        self.asked = []

    async def answer(self, request):
        if request.method == "GET":
            return web.json_response({"version": 1, "longest": 500})
        self.asked.append(len((await request.json())["events"]))
        status, body = self.answers.pop(0)
        return web.json_response(body, status=status)


@pytest.fixture
async def stub():
    made = Stub()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    http = MatrixHttp(f"http://127.0.0.1:{runner.addresses[0][1]}")
    made.importer = ChainImporter(Appservice(http, "t", "s"), unguarded)
    yield made
    await http.close()
    await runner.cleanup()


def four():
    return [Brought(KIND, {}, UserId("@wa_1:s"), THEN, DeliveryId(f"k{number}")) for number in range(4)]


async def test_a_chain_that_is_too_large_is_halved(stub):
    stub.answers = [(413, {}), (413, {}), (200, {"events": [{"event_id": "$1"}]}), (413, {})]
    assert await stub.importer.put("!r", four()) == ["$1"]
    assert isinstance((await stub.importer.put("!r", four()[:1]))[0], Refused)
    assert stub.asked == [4, 2, 1, 1]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((507, {"errcode": "M_RESOURCE_LIMIT_EXCEEDED"}), HomeserverError),
        ((500, {}), TransientError),
        ((200, {"events": []}), TransientError),
        ((200, []), TransientError),
        ((401, {"errcode": "M_UNKNOWN_TOKEN"}), AuthError),
    ],
)
async def test_what_went_wrong_is_named(stub, answer, error):
    stub.answers = [answer]
    with pytest.raises(error):
        await stub.importer.put("!r", four())


async def test_a_wait_is_passed_on_to_the_millisecond(stub):
    stub.answers = [(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1234})]
    with pytest.raises(TransientError) as raised:
        await stub.importer.put("!r", four())
    assert raised.value.retry_after == 1.234

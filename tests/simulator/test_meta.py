"""The simulated Meta: what it refuses, what runs out, and how its webhooks go wrong."""

import contextlib

import aiohttp
import pytest
from aiohttp import web

from fallback.clock import SystemClock
from fallback.core.events import (
    Attachment,
    Edit,
    Group,
    GroupChange,
    Identity,
    Location,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Poll,
    PollOption,
    Reaction,
    Redaction,
    Setting,
    Vote,
)
from fallback.core.ids import ChatId, SourceId
from fallback.networks.whatsapp.cloud import Secrets
from fallback.networks.whatsapp.cloud_people import People
from fallback.networks.whatsapp.cloud_read import read
from fallback.networks.whatsapp.cloud_webhook import LARGEST, SIGNATURE, signed
from fallback.simulator.meta import NUMBER, Meta
from fallback.simulator.payloads import Quirks, status, values
from fallback.simulator.webhooks import Faults

SECRETS = Secrets(app_secret="s", access_token="t", verify_token="v")
CHAT = ChatId("G1")
SARA, NOUR = Identity(name="Sara", phone="+9647700000001"), Identity(name="Nour")
AT = 1_744_344_496_000


class Receiver:
    """An endpoint that answers as it is told, 200 when it is told nothing more."""

    def __init__(self):
        self.answers, self.bodies = [], []

    async def take(self, request):
        body = await request.read()
        if not signed(body, request.headers[SIGNATURE], b"s"):
            return web.Response(status=401)
        self.bodies.append(body)
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    def read(self):
        return [
            event
            for body in self.bodies
            for event in read(body, phone_number_id=NUMBER, people=People(), now=AT).events
        ]


@contextlib.asynccontextmanager
async def simulated(faults=None):
    receiver = Receiver()
    app = web.Application(client_max_size=LARGEST)
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    meta = Meta(SECRETS, SystemClock(), webhook=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    meta.network.found(Group(chat=CHAT, name="Desk", members=(SARA, NOUR)))
    meta.webhooks.faults = faults or Faults()
    try:
        async with meta.running():
            yield meta, receiver
    finally:
        await runner.cleanup()


def message(number, **fields):
    return Message(
        **{"id": SourceId(f"W{number}"), "chat": CHAT, "sender": SARA, "at": AT, "text": f"m{number}"}
        | fields
    )


async def asked(meta, path, token="t", method="GET", **sent):
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.request(method, f"{meta.graph.base}/{path}", **sent) as answer,
    ):
        return answer.status, await answer.json()


async def test_without_the_token_nothing_is_told():
    async with simulated() as (meta, _):
        code = (await asked(meta, NUMBER, token="x"))[1]["error"]["code"]
        assert code == 190


async def test_groups_come_in_pages_with_cursors():
    async with simulated() as (meta, _):
        for number in range(5):
            meta.network.found(Group(chat=ChatId(f"H{number}"), name=f"h{number}"))
        _, first = await asked(meta, f"{NUMBER}/groups", params={"limit": "4"})
        _, second = await asked(
            meta, f"{NUMBER}/groups", params={"limit": "4", "after": first["paging"]["cursors"]["after"]}
        )
        assert [len(page["data"]["groups"]) for page in (first, second)] == [4, 2]
        assert ("next" in first["paging"], "next" in second["paging"]) == (True, False)


async def test_a_group_tells_its_people_and_its_link():
    async with simulated() as (meta, _):
        _, group = await asked(meta, CHAT)
        assert [one.get("wa_id") for one in group["participants"]] == ["9647700000001", None]
        assert (await asked(meta, f"{CHAT}/invite_link"))[1]["invite_link"].startswith(
            "https://chat.whatsapp.com/"
        )
        assert (await asked(meta, "nowhere/invite_link"))[1]["error"]["code"] == 131041


async def test_only_texts_for_its_groups_are_taken():
    async with simulated() as (meta, _):
        good = {"to": CHAT, "recipient_type": "group", "type": "text", "text": {"body": "hi"}}
        codes = []
        for change in ({}, {"to": "nowhere"}, {"type": "interactive"}, {"recipient_type": "individual"}):
            _, answer = await asked(meta, f"{NUMBER}/messages", method="POST", json=good | change)
            codes.append(answer.get("error", {}).get("code"))
        assert codes == [None, 131041, 131009, 131009]
        assert [event.text for event in meta.network.shown] == ["hi"]


async def test_during_an_outage_the_graph_is_down_and_says_so():
    async with simulated() as (meta, _):
        meta.network.cut()
        status_code, answer = await asked(meta, NUMBER)
        assert (status_code, answer["error"]["code"]) == (503, 2)


async def test_what_is_not_answered_with_200_comes_again_in_order():
    async with simulated() as (meta, receiver):
        receiver.answers = [503, 500, 200, 400]
        for number in range(2):
            meta.network.post(message(number))
        await meta.webhooks.drained()
        assert [event.id for event in receiver.read()] == ["W0", "W0", "W0", "W1", "W1"]
        assert meta.webhooks.answers == [503, 500, 200, 400, 200]


async def test_faults_double_shuffle_and_forge_and_lose_nothing():
    faults = Faults(batch=50, duplicated=1.0, shuffled=True, forged=1.0)
    async with simulated(faults) as (meta, receiver):
        for number in range(120):
            meta.network.post(message(number, at=AT + number * 1000))
        await meta.webhooks.drained()
        assert sorted(event.id for event in receiver.read()) == sorted(2 * [f"W{n}" for n in range(120)])
        assert len(receiver.bodies) == 6
        assert meta.webhooks.refused == [401] * 3


async def test_while_webhooks_are_stopped_they_wait():
    async with simulated(Faults(stopped=True)) as (meta, receiver):
        meta.network.post(message(1))
        assert (meta.webhooks.waiting, receiver.bodies) == (1, [])
        meta.webhooks.faults.stopped = False
        meta.webhooks.ring()
        await meta.webhooks.drained()
        assert [event.id for event in receiver.read()] == ["W1"]


SHARED = {"id": SourceId("W1"), "chat": CHAT, "sender": SARA, "at": AT}
PHOTO = Attachment(kind=MediaKind.IMAGE, source="m1", mimetype="image/jpeg", sha256="ab" * 32)
VOICE = Attachment(kind=MediaKind.VOICE, source="m2", mimetype="audio/ogg; codecs=opus")


@pytest.mark.parametrize("integer_times", [False, True])
@pytest.mark.parametrize(
    "event",
    [
        Message(**SHARED, text="hi", reply_to=SourceId("W0"), forwarded=True),
        Message(**SHARED, text="look", attachment=PHOTO),
        Message(**SHARED, attachment=VOICE),
        Message(**SHARED, location=Location(latitude=33.3, longitude=44.4, name="Office")),
        Edit(**SHARED, target=SourceId("W0"), text="better"),
        Reaction(**SHARED, target=SourceId("W0"), key="👍"),
        Reaction(**SHARED, target=SourceId("W0"), key=""),
        Redaction(**SHARED, target=SourceId("W0")),
    ],
    ids=lambda event: type(event).__name__ if not isinstance(event, bool) else str(event),
)
def test_what_a_phone_does_is_read_back_the_same(event, integer_times):
    meta = Meta(SECRETS, SystemClock())
    quirks = Quirks(integer_times=integer_times, unknown_fields=True)
    body = meta.webhooks.envelope(values(event, quirks))
    assert read(body, phone_number_id=NUMBER, people=People(), now=AT).events == [event]


@pytest.mark.parametrize(
    ("event", "same"),
    [
        (Membership(**SHARED, change=MembershipChange.LEFT, members=(SARA,)), ("change", "members", "at")),
        (Membership(**SHARED, change=MembershipChange.JOINED_BY_LINK, members=(SARA,)), ("change", "at")),
        (GroupChange(**SHARED, setting=Setting.SUBJECT, value="Night"), ("setting", "value", "at")),
    ],
    ids=["left", "joined", "subject"],
)
def test_what_happens_to_a_group_is_read_back(event, same):
    nameless = Identity(phone=SARA.phone)
    meta = Meta(SECRETS, SystemClock())
    (found,) = read(
        meta.webhooks.envelope(values(event, Quirks())), phone_number_id=NUMBER, people=People(), now=AT
    ).events
    for name in same:
        told = getattr(event, name)
        assert getattr(found, name) == ((nameless,) if name == "members" else told)


def test_polls_and_votes_are_not_told():
    meta = Meta(SECRETS, SystemClock())
    for event in (
        Message(**SHARED, poll=Poll(question="?", options=(PollOption(text="a"),))),
        Vote(**SHARED, target=SourceId("W0"), options=("a",)),
    ):
        body = meta.webhooks.envelope(values(event, Quirks()))
        (found,) = read(body, phone_number_id=NUMBER, people=People(), now=AT).events
        assert found.topic == "unsupported"


@pytest.mark.parametrize("other_key", [False, True])
def test_both_keys_of_a_participant_are_read(other_key):
    meta = Meta(SECRETS, SystemClock())
    told = status(CHAT, "wamid.1", "read", Quirks(other_key=other_key), participant=SARA.phone, now=AT)
    (found,) = read(meta.webhooks.envelope([told]), phone_number_id=NUMBER, people=People(), now=AT).events
    assert (found.sender.phone, found.targets) == (SARA.phone, ("wamid.1",))


def test_who_hides_the_number_is_told_by_a_scoped_id():
    meta = Meta(SECRETS, SystemClock())
    body = meta.webhooks.envelope(values(message(1), Quirks(usernames=True)))
    (found,) = read(body, phone_number_id=NUMBER, people=People(), now=AT).events
    assert (found.sender.name, found.sender.phone, bool(found.sender.lid)) == ("Sara", "", True)

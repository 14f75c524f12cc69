"""The Cloud API connector against the simulated Meta: the door, the commit, the Graph."""

import asyncio
import contextlib
import io
import json

import aiohttp
import pytest

from fallback.clock import SystemClock
from fallback.core.events import Attachment, MediaKind, Message, Reaction
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.ports import ConnectorState, Portal
from fallback.errors import PermanentError, StoreBlockedError, TransientError
from fallback.networks.whatsapp import cloud_say
from fallback.networks.whatsapp.cloud import NUMBERS, CloudConnector, Secrets
from fallback.networks.whatsapp.cloud_webhook import LARGEST, SIGNATURE, sign
from fallback.simulator.endpoints import Endpoints, Fault
from fallback.simulator.graph import LIVES, Refusal
from fallback.simulator.meta import NUMBER
from fallback.simulator.payloads import Quirks
from fallback.store.memory import MemoryStore
from tests.networks.whatsapp.cloud_world import CHAT, SARA, SECRETS, cloud_world

PORTAL = Portal(id=PortalId("p"), chat=CHAT, room=RoomId("!r"))


async def post(url, body, signature=None, headers=()):
    signature = sign(body, SECRETS.app_secret.encode()) if signature is None else signature
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers={SIGNATURE: signature, **dict(headers)}) as answer,
    ):
        return answer.status


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def recording(connector, store):
    """Commit what comes, then acknowledge it, as the relay does; a failure to commit ends it."""

    async def commit():
        async for incoming in connector.events():
            await store.record(PORTAL.id, incoming.event)
            await incoming.ack()

    await store.save_portal(PORTAL)
    task = asyncio.create_task(commit())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def kept(store):
    return [row.event for row in await store.timeline(PORTAL.id, limit=10_000)]


# ── the door ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_challenge_is_answered_to_whoever_knows_the_word():
    async with cloud_world() as world, aiohttp.ClientSession() as session:
        asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "verify token"}
        async with session.get(world.url, params=asked) as answer:
            assert (answer.status, await answer.text()) == (200, "1158201444")
        for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": "\u0660"}):
            async with session.get(world.url, params=asked | wrong) as answer:
                assert answer.status == 403


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, sign(b"{} ", b"app secret"), sign(b"{}", b"other"), "sha1=\xe9"],
)
async def test_a_forged_webhook_is_refused_and_leaves_nothing(signature):
    async with cloud_world() as world:
        assert await post(world.url, b"{}", signature) == 401
        assert world.connector.webhook.answered == {401: 1}


async def test_a_body_that_was_changed_on_the_way_is_refused():
    async with cloud_world() as world:
        body = world.webhooks.envelope([])
        assert await post(world.url, body + b" ", sign(body, b"app secret")) == 401
        assert await post(world.url, body) == 200


async def test_a_body_above_three_megabytes_is_refused():
    async with cloud_world() as world:
        assert await post(world.url, b" " * (LARGEST + 1)) == 413
        assert await post(world.url, b"{}" + b" " * (LARGEST - 2)) == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 50_000])
async def test_a_signed_body_that_is_no_object_is_refused_without_harm(body):
    async with cloud_world() as world:
        assert await post(world.url, body) == 400
        assert await post(world.url, b"{}") == 200


async def test_no_secret_is_shown_by_accident():
    assert "secret" not in repr(SECRETS)
    assert "token" not in repr(SECRETS)
    with pytest.raises(ValueError, match="empty"):
        Secrets(app_secret="", access_token="a", verify_token="v")


# ── committed, once ──────────────────────────────────────────────────────────────────────────────


async def test_a_webhook_is_answered_only_after_its_events_are_acknowledged():
    async with cloud_world() as world:
        world.phone_says(1)
        events = world.connector.events()
        first = await anext(events)
        assert world.webhooks.answers == []
        await first.ack()
        await until(lambda: world.webhooks.answers == [200])
        await events.aclose()


async def test_a_thousand_updates_in_one_post_are_all_kept():
    async with cloud_world() as world, recording(world.connector, world.store):
        world.webhooks.faults.batch = 1000
        for number in range(1000):
            world.phone_says(number)
        await until(lambda: not world.webhooks.waiting)
        assert world.webhooks.answers == [200]
        assert [event.text for event in await kept(world.store)] == [f"m{n}" for n in range(1000)]


async def test_a_replayed_webhook_is_taken_and_changes_nothing():
    async with cloud_world() as world, recording(world.connector, world.store):
        world.webhooks.faults.duplicated = 1.0
        for number in range(5):
            world.phone_says(number)
        await until(lambda: not world.webhooks.waiting)
        assert world.webhooks.answers == [200] * 10
        assert len(await kept(world.store)) == 5


async def test_what_comes_doubled_shuffled_forged_and_odd_is_kept_once_each():
    async with cloud_world() as world, recording(world.connector, world.store):
        faults = world.webhooks.faults
        faults.batch, faults.duplicated, faults.shuffled, faults.forged = 7, 0.5, True, 0.5
        for number in range(60):
            faults.quirks = Quirks(
                integer_times=number % 2 == 0,
                no_contacts=number % 3 == 0,
                other_key=number % 5 == 0,
                unknown_fields=number % 7 == 0,
            )
            world.phone_says(number)
        await until(lambda: not world.webhooks.waiting)
        found = await kept(world.store)
        assert sorted(event.id for event in found) == sorted(event.id for event in world.network.shown)
        assert {(event.id, event.text, event.sender.phone, event.at) for event in found} == {
            (event.id, event.text, event.sender.phone, event.at) for event in world.network.shown
        }
        assert world.webhooks.refused
        assert set(world.webhooks.refused) == {401}


async def test_a_failure_between_receipt_and_commit_is_no_200_and_the_retry_is_kept_once():
    store = MemoryStore()
    real, failures = store.record, [StoreBlockedError("the disk is full"), OSError("killed")]

    async def record(portal, event, deliveries=(), **more):
        if event.id == "W2" and failures:
            raise failures.pop(0)
        return await real(portal, event, deliveries, **more)

    store.record = record
    async with cloud_world(store=store) as world:
        world.webhooks.faults.batch = 3
        for number in range(3):
            world.phone_says(number)
        connector = world.connector
        while failures:
            async with recording(connector, store) as task:
                await asyncio.wait([task])
            await connector.close()
            connector = world.again()
            await connector.start()
        async with recording(connector, store):
            await until(lambda: not world.webhooks.waiting)
        await connector.close()
        assert [event.id for event in await kept(store)] == ["W0", "W1", "W2"]
        assert world.webhooks.answers.count(503) == 2
        assert world.webhooks.answers.count(200) == 1


async def test_a_full_disk_while_a_number_is_learnt_is_no_200():
    async with cloud_world() as world:

        async def put(key, value):
            raise StoreBlockedError("the disk is full")

        world.store.put = put
        contacts = [{"wa_id": "16505551234", "user_id": "US.1349120"}]
        body = world.webhooks.envelope([{"field": "messages", "value": {"contacts": contacts}}])
        assert await post(world.url, body) == 503
        del world.store.put
        assert await post(world.url, body) == 200
        assert json.loads(await world.store.get(NUMBERS)) == {"us.1349120": "+16505551234"}


async def test_what_arrives_after_newer_ones_is_marked_late():
    async with cloud_world() as world, recording(world.connector, world.store):
        now = world.now()
        for number, age in enumerate((0, 30_000, 120_000)):
            world.phone_says(number, at=now - age)
        await until(lambda: not world.webhooks.waiting)
        assert [event.late for event in await kept(world.store)] == [False, False, True]


# ── the Graph ────────────────────────────────────────────────────────────────────────────────────


def message(text="hi", **fields):
    return Message(id=SourceId("x"), chat=CHAT, text=text, **fields)


async def test_a_text_is_sent_with_its_reply_and_its_statuses_come_back():
    async with cloud_world() as world, recording(world.connector, world.store):
        said = world.phone_says(1)
        made = await world.connector.send(message(reply_to=said.id), message_id=SourceId("ours"))
        assert world.network.shown[-1].reply_to == said.id
        assert world.network.shown[-1].id == made
        await until(lambda: not world.webhooks.waiting)
        receipts = [event for event in await kept(world.store) if event.id.startswith(made)]
        assert [event.targets for event in receipts] == [(made,), (made,)]


async def test_an_answer_that_got_lost_is_found_by_the_messages_status():
    async with cloud_world() as world, recording(world.connector, world.store):
        world.graph.refusal = Refusal(lost=True)
        with pytest.raises(TransientError) as error:
            await world.connector.send(message(), message_id=SourceId("ours"))
        assert error.value.retry_after > 0
        world.graph.refusal = None
        await until(lambda: not world.webhooks.waiting)
        made = await world.connector.send(message(), message_id=SourceId("ours"))
        assert [event.id for event in world.network.shown] == [made]


@pytest.mark.parametrize(
    ("code", "raised", "state"),
    [
        (2, TransientError, ConnectorState.DISCONNECTED),
        (131000, TransientError, ConnectorState.DISCONNECTED),
        (131016, TransientError, ConnectorState.DISCONNECTED),
        (130429, TransientError, ConnectorState.CONNECTED),
        (131056, TransientError, ConnectorState.CONNECTED),
        (190, TransientError, ConnectorState.LOGGED_OUT),
        (0, TransientError, ConnectorState.LOGGED_OUT),
        (368, TransientError, ConnectorState.BANNED),
        (131031, TransientError, ConnectorState.BANNED),
        (131047, PermanentError, ConnectorState.CONNECTED),
        (131207, PermanentError, ConnectorState.CONNECTED),
        (131215, PermanentError, ConnectorState.CONNECTED),
        (999_999, PermanentError, ConnectorState.CONNECTED),
    ],
)
async def test_an_error_is_told_by_its_code(code, raised, state):
    async with cloud_world() as world:
        world.graph.refusal = Refusal(code)
        with pytest.raises(raised):
            await world.connector.send(message(), message_id=SourceId("ours"))
        assert world.connector.state is state
        world.graph.refusal = None
        await world.connector.look()
        assert world.connector.state is ConnectorState.CONNECTED


async def test_what_the_cloud_api_can_not_say_is_refused_for_good():
    async with cloud_world() as world:
        for event in (message(""), Reaction(id=SourceId("r"), chat=CHAT, target=SourceId("t"), key="👍")):
            with pytest.raises(PermanentError):
                await world.connector.send(event, message_id=SourceId("ours"))
        with pytest.raises(PermanentError):
            await world.connector.group(ChatId("../me"))


def file_of(data_sha=""):
    return message("", attachment=Attachment(kind=MediaKind.IMAGE, source="m1", sha256=data_sha))


@pytest.mark.parametrize(
    ("mimetype", "size", "kind"),
    [
        ("image/jpeg", 10, MediaKind.IMAGE),
        ("image/jpeg", 5 * 1024 * 1024 + 1, MediaKind.DOCUMENT),
        ("image/webp", 10, MediaKind.DOCUMENT),
        ("video/mp4", 10, MediaKind.VIDEO),
        ("audio/ogg", 10, MediaKind.DOCUMENT),
        ("", 10, MediaKind.DOCUMENT),
    ],
)
async def test_a_file_of_the_room_is_sent_as_what_phones_show(mimetype, size, kind):
    async with cloud_world() as world:
        assert not world.connector.capabilities.media
        file = Attachment(kind=MediaKind.IMAGE, source="mxc://x/y", filename="p.bin", mimetype=mimetype)
        event = message("*Lina*: look", attachment=file)
        with pytest.raises(PermanentError):
            await world.connector.send(event, message_id=SourceId("ours"))

        async def fetch(asked):
            assert asked == file
            return b"x" * size

        world.connector.carry_files(fetch)
        assert world.connector.capabilities.media
        await world.connector.send(event, message_id=SourceId("ours"))
        (shown,) = world.network.shown
        assert (shown.text, shown.attachment.kind) == ("*Lina*: look", kind)
        assert len(world.network.files[shown.attachment.source]) == size


def test_a_file_that_whatsapp_does_not_take_is_refused():
    with pytest.raises(PermanentError, match="larger"):
        cloud_say.kind(Attachment(kind=MediaKind.DOCUMENT), 100 * 1024 * 1024 + 1)


class SlowestClock(SystemClock):
    """Jumps on by six minutes at every look, until it is told to stop."""

    def __init__(self):
        super().__init__()
        self.jumps = 0
        self.passed = 0.0

    def monotonic(self):
        if self.jumps:
            self.jumps -= 1
            self.passed += LIVES + 60
        return super().monotonic() + self.passed


async def test_a_file_whose_address_has_run_out_is_asked_for_again():
    clock = SlowestClock()
    async with cloud_world(clock=clock) as world:
        world.network.files["m1"] = b"picture"
        clock.jumps = 2
        assert await world.connector.download(file_of(), "m1") == b"picture"
        clock.jumps = 4
        with pytest.raises(PermanentError, match="gone"):
            await world.connector.download(file_of(), "m1")


async def test_a_file_that_is_not_the_one_that_was_sent_is_refused():
    async with cloud_world() as world:
        world.network.files["m1"] = b"another"
        with pytest.raises(PermanentError, match="not the one"):
            await world.connector.download(file_of("0" * 64), "m1")


async def test_the_token_goes_to_metas_hosts_alone():
    async with cloud_world() as world:
        trusted = world.connector._graph._trusted
        assert trusted("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1")
        assert trusted(world.graph.base)
        for url in (
            "http://lookaside.fbsbx.com/",
            "https://fbsbx.com.example/",
            "https://evilfbsbx.com/",
            "https://[",
        ):
            assert not trusted(url)


@pytest.mark.parametrize("fault", [Fault.CAPTIVE, Fault.REDIRECT, Fault.UNAVAILABLE, Fault.REFUSE])
async def test_what_stands_between_us_and_the_graph_sets_nothing_aside(tmp_path, fault):
    async with Endpoints(tmp_path) as there:
        await there.graph.fail(fault)
        graph = there.url(there.graph, "/v25.0")
        connector = CloudConnector(NUMBER, SECRETS, SystemClock(), MemoryStore(), graph=graph)
        await connector.start()
        assert connector.state is ConnectorState.DISCONNECTED
        for call in (connector.send(message(), message_id=SourceId("ours")), connector.group(CHAT)):
            with pytest.raises(TransientError):
                await call
        await connector.close()


async def test_an_error_without_a_code_says_nothing_of_the_account():
    async with cloud_world() as world:
        for code, state in (("?", ConnectorState.CONNECTED), (190, ConnectorState.LOGGED_OUT)):
            value = {"field": "messages", "value": {"errors": [{"code": code}]}}
            assert await post(world.url, world.webhooks.envelope([value])) == 200
            assert world.connector.state is state


async def test_an_address_that_is_taken_is_named():
    async with cloud_world() as world:
        second = CloudConnector(
            NUMBER, SECRETS, SystemClock(), world.store, graph=world.graph.base, port=world.connector.port
        )
        with pytest.raises(PermanentError, match="can't listen"):
            await second.start()


async def test_it_starts_while_the_graph_is_down_and_finds_it_again():
    async with cloud_world() as world:
        other = CloudConnector(
            NUMBER, SECRETS, SystemClock(), MemoryStore(), graph="http://127.0.0.1:9/v25.0"
        )
        await other.start()
        assert other.state is ConnectorState.DISCONNECTED
        await other.close()
        assert await world.connector.groups() == [CHAT]
        assert (await world.connector.group(CHAT)).members[0].phone == SARA.phone

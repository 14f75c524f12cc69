"""Exports that are dropped into a folder fill what the room lacks, once."""

import asyncio
import json
import logging

import pytest

from fallback.core.events import Identity, MediaKind, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import ConnectorState
from fallback.errors import PermanentError, StoreBlockedError
from fallback.networks.whatsapp.dropped import DONE
from tests.networks.whatsapp.dropped_world import PORTAL, START, dropped_world

NEW = "15/03/2024, 09:00 - Omar: the port is closed since six"
NEWER = "15/03/2024, 09:05 - Sara: then we print the other page"


def texts(events):
    return [event.text for event in events]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


async def test_a_new_export_adds_what_was_said_after_the_migration_marked_late(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        world.says(NEW)
        world.says(NEWER)
        world.drop()
        taken = await world.record(2)
        assert texts(taken) == ["the port is closed since six", "then we print the other page"]
        assert {(one.late, one.chat, one.origin) for one in taken} == {(True, world.chat, Origin.EXPORT)}
        assert (await world.connector.group(world.chat)).name == "Newsroom"


async def test_a_later_export_adds_only_what_the_earlier_one_lacked(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        world.says(NEW)
        world.drop("one.txt")
        await world.record(1)
        world.says(NEWER)
        world.drop("two.txt")
        assert texts(await world.record(1)) == ["then we print the other page"]


async def test_what_a_live_connector_brought_is_no_gap(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        live = Message(
            id=SourceId("wamid.1"),
            chat=world.chat,
            sender=Identity(name="Omar A.", phone="+9647700000002"),
            at=1_710_493_225_000,
            text="the port is closed since six",
        )
        await world.store.record(PORTAL, live)
        ours = Message(
            id=SourceId("$1"),
            chat=ChatId("!r"),
            sender=Identity(name="Lina", mxid="@lina:x"),
            at=1_710_493_320_000,
            origin=Origin.MATRIX,
            text="on my way",
        )
        await world.store.record(PORTAL, ours)
        world.says(NEW)
        world.says("15/03/2024, 09:02 - Relay: *Lina*: on my way")
        world.says("15/03/2024, 09:03 - Omar: hurry")
        world.drop()
        (gap,) = await world.record(1)
        assert (gap.text, gap.sender.phone) == ("hurry", "+9647700000002")


async def test_it_goes_on_after_a_restart_in_the_middle_of_an_export(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        world.says(NEW)
        world.says(NEWER)
        world.drop()
        assert len(await world.record(1)) == 1
        await world.connector.close()
        assert await world.store.get(DONE) is None
        second = world.again()
        await second.start()
        assert texts(await world.record(1, second)) == ["then we print the other page"]
        await second.close()
        rows = await world.store.timeline(PORTAL)
        assert len(rows) == 2


async def test_an_export_that_was_read_is_not_read_again_and_nothing_is_moved(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        world.says(NEW)
        path = world.drop()
        events = world.connector.events()
        await (await anext(events)).ack()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(asyncio.wait([asyncio.ensure_future(anext(events, None))]))
            async with asyncio.timeout(10):
                while await world.store.get(DONE) is None:
                    await asyncio.sleep(0.002)
            await world.connector.close()
            await waiting
        assert list(json.loads(await world.store.get(DONE))) == ["chat.txt"]
        assert path.exists()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("broken.zip", "this is no zip", "zip"),
        ("shopping.txt", "milk\nbread\n", ""),
        ("other.txt", START.replace("Newsroom", "Somebody else's"), "does not keep"),
    ],
)
async def test_a_file_that_is_no_use_is_named_left_and_does_not_stop_the_others(
    tmp_path, caplog, name, text, says
):
    async with dropped_world(tmp_path / "in") as world:
        bad = world.drop(name, text)
        world.says(NEW)
        world.drop("good.txt")
        with caplog.at_level(logging.WARNING):
            assert texts(await world.record(1)) == ["the port is closed since six"]
        assert says in world.connector.problems[name]
        assert name in caplog.text
        assert "milk" not in caplog.text
        assert bad.exists()


async def test_an_export_of_another_phone_does_not_bring_the_migrated_history_again(tmp_path):
    other = START.replace("Sara", "Sara Mahmoud").replace("Omar", "+964 770 000 0002")
    async with dropped_world(tmp_path / "in") as world:
        world.drop("WhatsApp Chat with Newsroom.txt", other + NEW + "\n")
        events = world.connector.events()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(asyncio.wait([asyncio.ensure_future(anext(events, None))]))
            await until(lambda: world.connector.problems)
            await world.connector.close()
            done, _ = await waiting
        assert done.pop().result() is None
        assert "shares no message" in next(iter(world.connector.problems.values()))


async def test_a_file_of_an_export_is_read_from_it_and_gone_with_it(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        (world.folder / "IMG-20240315-WA0001.jpg").write_bytes(b"jpeg")
        world.says("15/03/2024, 09:10 - Omar: IMG-20240315-WA0001.jpg (file attached)")
        path = world.drop()
        (picture,) = await world.record(1)
        assert picture.attachment.kind is MediaKind.IMAGE
        assert await world.connector.download(picture, picture.attachment.source) == b"jpeg"
        for source in ("../secret.txt/x", "chat.txt", "chat.txt/nothing.jpg", "", "x.zip/../../y"):
            with pytest.raises(PermanentError):
                await world.connector.download(picture, source)
        path.unlink()
        with pytest.raises(PermanentError):
            await world.connector.download(picture, picture.attachment.source)


async def test_nothing_is_sent_through_exports_and_a_missing_folder_is_told(tmp_path):
    async with dropped_world(tmp_path / "in") as world:
        with pytest.raises(PermanentError):
            await world.connector.send(Message(id=SourceId("x"), chat=world.chat), message_id=SourceId("y"))
        with pytest.raises(PermanentError):
            await world.connector.group(ChatId("nowhere"))
        assert world.connector.state is ConnectorState.CONNECTED
        world.folder.rmdir()
        assert world.connector.state is ConnectorState.DISCONNECTED


async def test_a_link_in_the_folder_is_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text(START + NEW + "\n", "utf-8")
    async with dropped_world(tmp_path / "in") as world:
        (world.folder / "link.txt").symlink_to(outside)
        world.says(NEWER)
        world.drop()
        assert texts(await world.record(1)) == ["then we print the other page"]


async def test_while_the_store_can_not_be_used_an_export_waits(tmp_path, caplog):
    async with dropped_world(tmp_path / "in") as world:
        real = world.store.portals, world.store.put
        troubles = [StoreBlockedError("the disk is full")] * 2

        async def portals():
            if troubles:
                raise troubles.pop()
            return await real[0]()

        async def put(key, value):
            raise StoreBlockedError("the disk is full")

        world.store.portals, world.store.put = portals, put
        world.says(NEW)
        world.drop()
        assert texts(await world.record(1)) == ["the port is closed since six"]
        assert not world.connector.problems
        world.says(NEWER)
        world.drop("two.txt")
        assert texts(await world.record(1)) == ["then we print the other page"]
        assert "has to wait: the disk is full" in caplog.text
        assert "may be read once more" in caplog.text

"""Events wait with their POST; what is not committed in time is given back to Meta."""

import asyncio

import pytest

from fallback.core.events import Message
from fallback.core.ids import ChatId, SourceId
from fallback.errors import TransientError
from fallback.networks.whatsapp.cloud_intake import Intake


async def rest():
    await asyncio.sleep(3600)


def message(number):
    return Message(id=SourceId(f"W{number}"), chat=ChatId("g"), text="hi")


async def test_a_post_that_nobody_commits_is_given_up_and_leaves_no_memory():
    intake = Intake(rest, patience=0.01)
    with pytest.raises(TransientError, match="not committed"):
        await intake.take([message(1)])
    assert not intake._queue


async def test_a_late_acknowledgement_is_harmless_and_the_event_comes_again():
    intake = Intake(rest, patience=0.05)
    async with asyncio.TaskGroup() as tasks:
        post = tasks.create_task(
            asyncio.wait_for(asyncio.gather(intake.take([message(1)]), return_exceptions=True), 5)
        )
        events = intake.events()
        first = await anext(events)
        await post
        await first.ack()
        again = tasks.create_task(intake.take([message(1)]))
        second = await anext(events)
        await second.ack()
        await again
        await second.ack()
    await events.aclose()
    await intake.take([message(1)])
    intake.close()
    with pytest.raises(TransientError):
        await intake.take([message(2)])


async def test_closing_fails_the_posts_that_wait_and_ends_the_stream():
    intake = Intake(rest)
    async with asyncio.TaskGroup() as tasks:
        post = tasks.create_task(asyncio.wait([asyncio.ensure_future(intake.take([message(1)]))]))
        await anext(intake.events())
        intake.close()
        done, _ = await post
    assert isinstance(done.pop().exception(), TransientError)
    assert [event async for event in intake.events()] == []


async def test_while_nothing_comes_it_does_what_it_was_given():
    looked = asyncio.Event()

    async def look():
        looked.set()
        await rest()

    intake = Intake(look)
    async with asyncio.TaskGroup() as tasks:
        events = intake.events()
        first = tasks.create_task(anext(events))
        await looked.wait()
        post = tasks.create_task(intake.take([message(1)]))
        await (await first).ack()
        await post
    await events.aclose()

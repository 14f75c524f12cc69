"""Whole screens as plain text, in both languages and three sizes, and in every way to set Arabic."""

import pytest

from fallback.core.health import Health, State
from fallback.tui.typeset import Mode
from tests.tui.fakes import app, session
from tests.tui.test_main import screen

SIZES = [(60, 24), (80, 24), (120, 40)]


async def picture(*keys, size=(100, 30), language="en", mode=Mode.OFF, health=State.UP):
    one = await session()
    one.on_reached(9, 14)
    one.on_health(Health(state=health))
    client = app(one, language=language, mode=mode)
    async with client.run_test(size=size) as pilot:
        await pilot.pause()
        if keys:
            await pilot.press(*keys)
        for _ in range(3):
            await pilot.pause()
        return screen(client)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_client_while_all_is_well(snapshot, language, size):
    assert await picture(size=size, language=language) == snapshot


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_people_while_whatsapp_is_down(snapshot, language):
    assert await picture("f2", size=(120, 40), language=language, health=State.DOWN) == snapshot


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_help(snapshot, language):
    assert await picture("f1", size=(100, 60), language=language) == snapshot


@pytest.mark.parametrize("mode", Mode)
async def test_arabic_as_each_mode_writes_it(snapshot, mode):
    assert await picture(size=(80, 24), language="ar", mode=mode) == snapshot

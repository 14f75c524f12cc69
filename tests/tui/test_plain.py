"""The client line by line."""

import asyncio
import subprocess
import sys
from datetime import UTC

import pytest

from fallback import locale
from fallback.core.events import Origin
from fallback.core.health import Health, State
from fallback.tui.plain import Plain
from tests.tui.fakes import CLINIC, NEWS, SARA, message, session


@pytest.fixture
async def plain():
    locale.use("en")
    said = []
    made = Plain(await session(), said.append, UTC)
    made.said = said
    await made.start()
    return made


async def test_it_opens_on_the_newest_group_and_says_the_last_messages(plain):
    assert plain.said[0] == "*** Matrix OK"
    assert plain.said[1].startswith("== غرفة الأخبار")
    assert plain.said[-1] == "[15:37] عمر الحسن: 👍🏽👨‍👩‍👧 من يراجع الترجمة؟"


async def test_a_line_is_sent_and_said_with_what_became_of_it(plain):
    await plain.take("hello\n")
    await plain._say_news(NEWS)
    assert plain.said[-1].endswith("You: hello (waiting on this computer)")


async def test_news_and_the_banner_are_said_once(plain):
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(plain.follow())
        await asyncio.sleep(0)
        await plain.session.store.record(NEWS, message(70, SARA, "two\nlines", origin=Origin.MATRIX))
        plain.session.on_timeline(NEWS)
        plain.session.on_health(Health(state=State.DOWN))
        plain.session.on_health(Health(state=State.DOWN))
        while not plain.said[-1].startswith("*** WhatsApp DOWN"):
            await asyncio.sleep(0)
        following.cancel()
    assert plain.said[-2].endswith("Sara Haddad: two / lines")


async def test_commands_list_and_open_groups_and_people(plain):
    await plain.take("/groups")
    assert plain.said[-1].startswith("2. Clinic night shift")
    await plain.take("/open 2")
    assert plain.current == CLINIC
    await plain.take("/people")
    assert plain.said[-1] == "Khaled: missing"
    assert not await plain.take("/quit")


async def test_control_bytes_are_not_said(plain):
    await plain.session.store.record(NEWS, message(71, SARA, "a\x1b]0;x\x07b\u202e", origin=Origin.MATRIX))
    await plain._say_news(NEWS)
    assert plain.said[-1].endswith("Sara Haddad: a]0;xb")


def test_it_needs_no_textual():
    code = "import sys, fallback.tui.plain; print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

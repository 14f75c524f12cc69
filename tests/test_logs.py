"""Logs hold nothing that is nobody's business."""

import json
import logging

import pytest

from fallback.bridge.deliver import Deliverer
from fallback.bridge.migrate import Migration
from fallback.clock import VirtualClock
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.migration import plan
from fallback.core.routing import MATRIX, to_room
from fallback.errors import PermanentError, TransientError
from fallback.logs import redact, to_file
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    "secret",
    [
        "syt_abc_DEF_1",
        "mat_abcDEF123",
        "Bearer abc",
        "password=hunter2",
        '"access_token": "x"',
        "+962791234567",
        "+962 79 123-4567",
        "962791234567@s.whatsapp.net",
        "123456789012345@lid",
        "@wa_962791234567:server",
        "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d",
        "3kQ2fYHd0b+u2nWc/7L1m8pXo5r6tVz9aBcDeFgHiJk",
    ],
)
def test_secrets_and_numbers_are_taken_out(secret):
    assert secret not in redact(f"before {secret} after")


async def _refused(delivery):
    raise PermanentError(f"the homeserver refused what {delivery.event.sender.phone} said")


def test_what_is_no_secret_stays():
    line = "event $3kQ2fYHd0bxu2nWcx7L1m8pXo5r6tVz9aBcDeFgHiJk at 2021-10-04T15:40:00+00:00, 1633362000000 ms"
    assert redact(line) == line


async def test_a_migration_and_a_relayed_outage_leave_no_word_and_no_number_in_the_log(tmp_path):
    path = tmp_path / "x.log"
    to_file(path, level="DEBUG")
    who = Identity(name="ليلى السرّية", phone="+962791234567")
    base = {"chat": ChatId("c1"), "origin": Origin.EXPORT, "sender": who}
    events = [Message(**base, id=SourceId(f"e{n}"), at=n + 1, text=f"confidential {n}") for n in range(50)]
    group = Group(chat=ChatId("c1"), name="Newsroom", members=(who,))
    server, store = MemoryServer(), MemoryStore()
    relay = MemoryHomeserver(server, "fallback")
    run = Migration(plan(group, events, server_name=server.name), relay, store, server_name=server.name)
    server.crash_after = 20
    with pytest.raises(TransientError):
        await run.run(events, None)
    server.is_up, server.crash_after = True, -1
    portal = await run.run(events, None)
    clock = VirtualClock(0)
    said = Message(**base, id=SourceId("late"), text="confidential at last")
    await store.record(portal.id, said, to_room(said, portal, run.ghost))
    await Deliverer(MATRIX, _refused, store, clock, owner="t").once()
    logging.getLogger("fallback").warning("%s gave up", run.ghost(who))
    logged = path.read_text()
    assert "is stuck" in logged
    for secret in ("confidential", "ليلى", "962791234567"):
        assert secret not in logged


def test_a_log_is_its_owners_alone_and_one_line_a_record(tmp_path):
    path = tmp_path / "x.log"
    to_file(path)
    logging.getLogger("t").info("one\ntwo \x1b[31m")
    assert path.stat().st_mode & 0o777 == 0o600
    (line,) = path.read_text().splitlines()
    assert "\x1b" not in line


def test_json_logs_are_json(tmp_path):
    path = tmp_path / "x.log"
    to_file(path, as_json=True)
    logging.getLogger("t").warning("سلام")
    assert json.loads(path.read_text()) | {"at": 0} == {
        "at": 0,
        "level": "warning",
        "logger": "t",
        "message": "سلام",
    }

"""Hostile text through everything: what reaches a terminal, a log or a file of ours obeys nobody but us."""

import json
import logging
import re
from datetime import UTC

import pytest

from fallback import locale
from fallback.__main__ import main as program
from fallback.cli.plan import describe
from fallback.core import contact_report, contact_table, vcard
from fallback.core.announce import GONE, gone
from fallback.core.contact_book import Book
from fallback.core.contact_match import recognised
from fallback.core.contacts import Contact, tidy
from fallback.core.events import Message
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, ContactId, PortalId, RoomId
from fallback.core.migration import plan
from fallback.core.plan_file import write
from fallback.core.ports import Portal
from fallback.errors import FallbackError
from fallback.logs import to_file
from fallback.matrix.http import refusal
from fallback.matrix.read import from_event
from fallback.networks.whatsapp.export import read_export
from fallback.store.memory import MemoryStore
from fallback.text import sanitise, sanitise_name
from fallback.tui.plain import Plain
from fallback.tui.session import StoreSession
from fallback.tui.typeset import Mode
from fallback.tui.views import PersonView, Presence
from tests.tui.fakes import ME, NEWS, NOW, VirtualClock, app
from tests.tui.test_main import screen

HOSTILE = {
    "C0": "".join(map(chr, range(32))) + "\x7f",
    "C1": "".join(map(chr, range(0x80, 0xA0))),
    "colour": "\x1b[31;5mred\x1b[2J\x1b[H",
    "8-bit CSI": "\x9b31mred\x9b2J",
    "title": "\x1b]0;PWNED\x07\x1b]2;PWNED\x1b\\",
    "link": "\x1b]8;;https://evil.example\x1b\\bank\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "device": '\x1bP$q"p\x1b\\\x1b[6n\x1b[c\x1bc',
    "override": "\u202egpj.exe\u202c \u202dabc \u202a\u202b",
    "isolates": "\u2067\u2067open \u2069\u2069\u2069 \u2066",
    "tower": "a" + "\u0301" * 32_768 + "\u0489" * 16_384 + "\u1dc0" * 16_384,
    "nothing": "\u200b\u200c\u200d\u2060\ufeff\u180e" * 500,
    "file": "photo\u202egpj.exe",
    "surrogates": "\ud800 \udfff\ud83d",
    "NUL": "a\0b\0",
    "lines": "one\r\x1b[2Ktwo\r\nthree\u2028four\u2029five\x0bsix\x0cseven\x85eight",
    "long": "x" * 70_000,
    "tags": "a\U000e0001\U000e0041\ufff9b\ufffac\ufffb\uffff",
    "ticks": "Sara ✓✓ 🔒 ✔ (verified)",
    "system": "WhatsApp",
    "markup": "[bold red]x[/] [@click=app.quit]y[/] {0} %s %n \\x1b[31m",
    "html": "<b>x</b><img src=x onerror=y>&#27;[31m&#x202e;&#x9b;31m&#0;",
    "arabic": "\u061c\u200fسلام\u202e\u2067 abc",
}
ALL = list(HOSTILE.values())
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff\ufeff\ufff9-\ufffb]")


def assert_harmless(text, *, towers=False):
    """Nothing in a text that a terminal would obey, and every isolate closed on its own line."""
    found = _OBEYED.search(text)
    assert found is None, f"{found[0]!r} in {text[max(0, found.start() - 40) : found.end() + 40]!r}"
    for line in text.split("\n"):
        depth = 0
        for mark in re.findall("[\u2066-\u2069]", line):
            depth += -1 if mark == "\u2069" else 1
            assert depth >= 0, line[:200]
        assert depth == 0, line[:200]
    assert towers or not re.search("[\u0300-\u036f\u0483-\u0489\u1dc0-\u1dff]{20}", text)


def raw(kind, content, sender="@sara:s", **more):
    return {
        "type": kind,
        "event_id": "$1",
        "sender": sender,
        "origin_server_ts": NOW,
        "content": content,
    } | more


def from_matrix(text, number=0):
    """All that a homeserver can tell with one hostile text in every place."""
    related = {"rel_type": "m.annotation", "event_id": "$0", "key": text}
    poll = {
        "question": {"m.text": text, "org.matrix.msc1767.text": text},
        "answers": [{"id": text, "org.matrix.msc1767.text": text}] * 2,
        "kind": text,
        "max_selections": 1,
    }
    contents = [
        ("m.room.message", {"msgtype": "m.text", "body": text}),
        ("m.room.message", {"msgtype": "m.emote", "body": text}),
        ("m.room.message", {"msgtype": "m.notice", "body": text}),
        (
            "m.room.message",
            {
                "msgtype": "m.text",
                "body": "x",
                "format": "org.matrix.custom.html",
                "formatted_body": f"<p>{text}</p><pre><code class='{text}'>{text}</code></pre><a href='{text}'>{text}</a>",
            },
        ),
        *(
            (
                "m.room.message",
                {
                    "msgtype": kind,
                    "body": text,
                    "filename": text,
                    "url": text,
                    "info": {"mimetype": text, "size": text},
                },
            )
            for kind in ("m.image", "m.video", "m.audio", "m.file")
        ),
        ("m.room.message", {"msgtype": "m.location", "body": text, "geo_uri": f"geo:1,2;{text}"}),
        ("m.room.message", {"msgtype": "m.text", "body": "x", "m.mentions": {"user_ids": [text]}}),
        (
            "m.room.message",
            {"msgtype": "m.text", "body": "x", "m.relates_to": {"m.in_reply_to": {"event_id": text}}},
        ),
        ("m.reaction", {"m.relates_to": related}),
        ("org.matrix.msc3381.poll.start", {"org.matrix.msc3381.poll.start": poll}),
        ("m.room.name", {"name": text}),
        ("m.room.topic", {"topic": text}),
        ("m.room.member", {"membership": "join", "displayname": text}),
    ]
    read = []
    for place, (kind, content) in enumerate(contents):
        event = raw(kind, content, event_id=f"${number}-{place}")
        if kind == "m.room.member":
            event["state_key"] = "@new:s"
        one = from_event(event, "!news", {"@sara:s": sanitise_name(text)})
        read += [one] if one else []
    return read


_OPAQUE = {"id", "chat", "target", "reply_to", "source", "transaction", "extra"}
"""Fields that go back to where they came from as they are, and are never shown."""


def texts_of(value):
    """Every text in a value but what is opaque."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple | list | frozenset):
        return [text for one in value for text in texts_of(one)]
    fields = set(getattr(value, "__struct_fields__", ())) - _OPAQUE
    return [text for name in fields for text in texts_of(getattr(value, name))]


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
def test_the_boundary_lets_nothing_through(text):
    assert_harmless(sanitise(text).replace("\t", " "))
    name = sanitise_name(text)
    assert_harmless(name)
    assert "\n" not in name
    assert len(name) <= 128


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
def test_what_a_homeserver_tells_is_harmless_in_every_field(text):
    events = from_matrix(text)
    assert events
    for event in events:
        for told in texts_of(event):
            assert_harmless(told.replace("\t", " "))


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_a_homeservers_error_is_harmless(text, status, capsys):
    from fallback.cli.output import explain

    body = json.dumps({"errcode": text, "error": text}).encode("utf-8", "surrogatepass")
    error = refusal(status, body, {"retry-after": sanitise_name(text)})
    assert isinstance(error, FallbackError)
    assert_harmless(str(error))
    explain(error)
    assert_harmless(capsys.readouterr().err)


def chat(text):
    line = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    one = line.replace("\n", " ").replace("\r", " ")
    return "\n".join(
        [
            f'04/10/2021, 18:38 - {one[:500]} created group "{one}"',
            f"04/10/2021, 18:38 - {one[:500]}: {line}",
            f"04/10/2021, 18:39 - Sara: {one}.jpg (file attached)",
            f"04/10/2021, 18:39 - Sara: POLL:\n{one}\nOPTION: {one} (3 votes)\nOPTION: b (1 vote)",
            f"04/10/2021, 18:40 - Sara changed the group description to “{one}”",
            "04/10/2021, 18:41 - Omar: end",
        ]
    )


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
def test_an_export_and_its_plan_are_harmless(text, tmp_path):
    path = tmp_path / "WhatsApp Chat with Newsroom.txt"
    path.write_text(chat(text), "utf-8")
    export = read_export(path, date_order="DMY", timezone="UTC")
    events = list(export.events)
    assert isinstance(events[-1], Message)
    for event in events:
        for told in texts_of(event):
            assert_harmless(told.replace("\t", " "))
    made = recognised(plan(export.group, events, server_name="s"), Book([contact(text)]))
    assert_harmless("\n".join(describe(made)))
    assert_harmless(write(made))


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
@pytest.mark.parametrize("options", [["migrate", "--plan"], ["migrate", "--plan", "--json"], ["migrate", "--dry-run"], ["inspect"], ["inspect", "--json"]], ids=" ".join)  # fmt: skip
def test_commands_print_nothing_that_a_terminal_would_obey(text, options, tmp_path, capsys):
    path = tmp_path / "WhatsApp Chat with Newsroom.txt"
    path.write_text(chat(text), "utf-8")
    command, *more = options
    code = 0
    try:
        program([command, str(path), *more, "--date-order", "DMY"])
    except SystemExit as end:
        code = end.code
    assert not code
    shown = capsys.readouterr()
    for stream in (shown.out, shown.err):
        assert "Traceback" not in stream
        assert_harmless(stream, towers="--json" in options)


def contact(text):
    return tidy(
        Contact(
            id=ContactId("c1"), name=text, given=text, family=text, aliases=(text, "known"),
            phones=(text, "+962790000001"), lids=(text,), mxids=(text,), emails=(text,),
            channels=(f"ntfy:{text}",), notes=text, extra=(f"ORG:{text}",),
        )
    )  # fmt: skip


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
def test_contacts_are_harmless_however_they_come_and_go(text):
    made = contact(text)
    assert_harmless("\n".join(contact_report.lines(made)))
    assert_harmless(json.dumps(contact_report.as_object(made), ensure_ascii=False))
    clean = text.encode("utf-8", "replace").decode()
    cell = '"' + clean.replace('"', '""') + '"'
    table = contact_table.read(f"Name,Phone,Notes\n{cell},+962790000001,{cell}\n".encode())
    cards = vcard.read(
        f"BEGIN:VCARD\nVERSION:3.0\nFN:{clean}\nTEL:+962790000001\nNOTE:{clean}\nEND:VCARD\n".encode()
    )
    for reading in (table, cards):
        for told in texts_of(reading):
            assert_harmless(told.replace("\t", " "))


async def opened(*texts):
    """A session that holds all that is hostile, from both sides."""
    store = MemoryStore()
    names = [sanitise_name(text) for text in texts]
    for number, (text, name) in enumerate(zip(texts, names, strict=True)):
        room = f"!{number}"
        portal = Portal(
            id=PortalId(room) if number else NEWS, chat=ChatId(room), room=RoomId(room), name=name
        )
        await store.save_portal(portal)
        for event in from_matrix(text, number):
            await store.record(NEWS, event)

    async def roster(_portal):
        return [PersonView(name=name or "@x:s", contact="@x:s", presence=Presence.HERE) for name in names]

    one = StoreSession(store, VirtualClock(NOW), ME, name=names[0], roster=roster)
    one.on_health(Health(state=State.DOWN, why=sanitise(texts[0])))
    return one


def written(client):
    """What the driver writes for the screen as it is, without colours."""
    strips = client.screen._compositor.render_strips()
    return re.sub("\x1b\\[[0-9;]*m", "", "\n".join(strip.render(client.console) for strip in strips))


@pytest.mark.parametrize("first", range(0, len(ALL), 6))
@pytest.mark.parametrize("mode", [Mode.OFF, Mode.WORDS])
async def test_no_screen_shows_anything_that_a_terminal_would_obey(first, mode):
    texts = ALL[first : first + 6]
    one = await opened(*texts)
    client = app(one, mode=mode)
    async with client.run_test(size=(100, 30)) as pilot:
        for keys in (
            (),
            ("up",),
            ("enter",),
            ("escape", "escape", "f2"),
            ("f2", "f1"),
            ("escape", "ctrl+k"),
            ("escape", "ctrl+f", "x"),
        ):
            await pilot.press(*keys)
            await pilot.pause()
            assert_harmless(screen(client))
            assert_harmless(written(client))
        assert_harmless(str(client.title) + str(client.sub_title))
        for text in texts:
            client.notify(client.setting.typesetter.text(sanitise(text)), markup=False)
        await pilot.pause()
        assert_harmless(screen(client))


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
async def test_the_client_line_by_line_says_nothing_that_a_terminal_would_obey(text):
    locale.use("en")
    said = []
    made = Plain(await opened(text), said.append, UTC)
    await made.start()
    for command in ("/groups", "/people", "/open 1", "/help", f"/{sanitise_name(text)}"):
        await made.take(command)
    assert said
    for line in said:
        assert_harmless(line)
        assert "\n" not in line


@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_line_is_one_line_and_harmless(tmp_path, as_json):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    path = tmp_path / "x.log"
    try:
        to_file(path, as_json=as_json)
        for text in ALL:
            logging.getLogger("hostile").warning("the room %s", text)
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:], root.level = before, level
    lines = path.read_text("utf-8").split("\n")
    assert len(lines) == len(ALL) + 1
    for line in lines:
        assert_harmless(line)


@pytest.mark.parametrize("text", ALL, ids=HOSTILE)
def test_an_announcement_of_a_hostile_reason_is_harmless(text):
    assert_harmless(gone(Health(state=State.DOWN, why=sanitise(text))).replace("\t", " "))
    assert GONE

"""Files: sent after a look at them, saved under a safe name, opened only on request."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.bridge.files import Files
from fallback.core.events import Attachment, MediaKind, Origin
from fallback.errors import UsageError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.media import MemoryMedia
from fallback.tui import files, words
from fallback.tui.plain import Plain
from tests.tui.fakes import NEWS, SARA, app, message, session
from tests.tui.test_main import Hand

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + bytes(9)
both = pytest.mark.parametrize("hand", ["en", "ar"], indirect=True)


@pytest.fixture
async def hand(request, tmp_path, monkeypatch):
    """A person whose homeserver has one file of Sara's."""
    monkeypatch.setattr("platformdirs.user_downloads_path", lambda: tmp_path / "Downloads")
    one = await session()
    one.files, one.side = Files(one.store, MemoryMedia()), MemoryHomeserver(MemoryServer(), "laila")
    one.side.server.files["mxc://memory.example/7"] = b"%PDF minutes"
    theirs = Attachment(
        MediaKind.DOCUMENT, "../../.minutes\x1b[2J.pdf", source="mxc://memory.example/7", size=12
    )
    await one.store.record(NEWS, message(20, SARA, "", origin=Origin.MATRIX, attachment=theirs))
    client = app(one, language=getattr(request, "param", "en"))
    async with client.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        made = Hand(client, pilot, one)
        await made.settle()
        yield made


async def settled(hand):
    for _ in range(12):
        await hand.pilot.pause()


async def fill(hand, text):
    """Type into the field in front, all at once."""
    field = hand.client.screen.query("Field").last()
    field.load(text)
    await hand.press("enter")
    await settled(hand)


@both
async def test_a_file_is_shown_with_its_size_before_it_is_sent(hand, tmp_path, snapshot):
    (tmp_path / "sketch.png").write_bytes(PNG * 40)
    await hand.press("ctrl+o")
    await fill(hand, str(tmp_path / "sketch.png"))
    assert hand.see() == snapshot
    await fill(hand, "the new layout")
    assert (hand.entry.text, hand.entry.tick.value) == ("the new layout", "queued")
    file = hand.entry.event.attachment
    assert (file.kind, file.width, file.size) == (MediaKind.IMAGE, 640, len(PNG) * 40)
    assert await hand.session.download(file) == PNG * 40


async def test_escape_sends_nothing(hand, tmp_path):
    (tmp_path / "a.txt").write_text("x")
    before = hand.entry.id
    await hand.press(*f"/file {tmp_path}/a.txt", "enter")
    await settled(hand)
    await hand.press("escape")
    await settled(hand)
    assert hand.entry.id == before


async def test_a_path_that_is_none_says_so_and_stays_to_be_mended(hand):
    await hand.press("ctrl+o")
    await fill(hand, "/no/such/file")
    assert "can't be read" in hand.see()
    assert "/no/such/file" in hand.see()
    await hand.press("escape", *"/file /nope", "enter")
    await settled(hand)
    assert "can't be read" in hand.see()
    assert hand.composer.text == "/file /nope"


@pytest.mark.parametrize("form", ["{}", "'{}'", "file://{}"])
async def test_a_file_that_is_dropped_is_offered(hand, tmp_path, form):
    from textual.events import Paste

    (tmp_path / "note.txt").write_text("note")
    hand.composer.post_message(Paste(form.format(tmp_path / "note.txt")))
    await settled(hand)
    assert "note.txt" in hand.see()
    assert hand.composer.text == ""
    await hand.press("enter")
    await settled(hand)
    assert hand.entry.event.attachment.filename == "note.txt"


async def test_a_recording_can_go_as_a_voice_message(hand, tmp_path):
    (tmp_path / "talk.ogg").write_bytes(b"OggS" + bytes(40))
    await hand.press(*f"/file {tmp_path}/talk.ogg", "enter")
    await settled(hand)
    await hand.press("1")
    await settled(hand)
    assert hand.entry.event.attachment.kind is MediaKind.VOICE


@both
async def test_what_came_is_saved_for_its_owner_alone_under_a_safe_name(hand, tmp_path):
    await hand.press("up", "s")
    await settled(hand)
    saved = tmp_path / "Downloads" / "_.._.minutes[2J.pdf"
    assert saved.name in hand.see().replace("\u2066", "")
    await hand.press("enter")
    await settled(hand)
    assert saved.read_bytes() == b"%PDF minutes"
    assert saved.stat().st_mode & 0o777 == 0o600
    await hand.press("s", "enter")
    await settled(hand)
    assert (tmp_path / "Downloads" / "_.._.minutes[2J (2).pdf").exists()


async def test_a_file_that_can_not_be_fetched_says_why(hand):
    hand.session.side.server.is_up = False
    await hand.press("up", "s", "enter")
    await settled(hand)
    assert "the homeserver does not answer" in hand.see()


async def test_opening_hands_the_file_to_another_program_and_leaves_nothing_behind(
    hand, tmp_path, monkeypatch
):
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen; stat -c %a "$1" > {tmp_path}/mode\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    await hand.press("up", "o")
    async with asyncio.timeout(10):
        while not (tmp_path / "mode").exists() or not (tmp_path / "mode").read_text():
            await hand.pilot.pause()
    assert (tmp_path / "seen").read_bytes() == b"%PDF minutes"
    assert (tmp_path / "mode").read_text() == "600\n"
    folder = hand.client.main.opened
    hand.client.main.remove_opened()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["run.sh", "x.desktop", "page.html", "tool.exe", "pdf", "a.pdf.desktop"])
def test_what_could_run_is_never_opened(name):
    with pytest.raises(UsageError, match="harm"):
        files.program(Attachment(MediaKind.IMAGE, name, mimetype="text/html"))


@given(st.text(), st.sampled_from(["", "image/png", "text/x-sh", "?/?"]))
def test_a_name_from_outside_is_one_visible_name_in_one_folder(name, mimetype):
    safe = files.safe_name(Attachment(MediaKind.DOCUMENT, name, mimetype=mimetype))
    assert safe
    assert not set(safe) & set("/\\\x00\x1b\n")
    assert not safe.startswith(".")
    assert len(safe) <= 136


@given(st.text())
def test_text_that_is_no_path_is_only_text(text):
    assert files.dropped(text) == ""


@given(st.lists(st.integers(-5, 4000), min_size=1, max_size=300))
def test_a_waveform_is_as_wide_as_its_steps_and_never_wider_than_its_cells(steps):
    drawn = words.waveform(steps)
    assert len(drawn) == min(len(steps), words.WIDEST)
    assert set(drawn) <= set(words.BARS)


def test_a_voice_message_is_told_by_its_sound_and_length():
    voice = Attachment(MediaKind.VOICE, "x.ogg", source="a", duration_ms=14_000, waveform=(0, 520, 1024))
    assert "▁▅█" in words.attachment(voice)
    assert "0:14" in words.attachment(voice)


async def test_the_line_mode_sends_a_file_too(tmp_path):
    one = await session()
    one.files = Files(one.store, MemoryMedia())
    (tmp_path / "a.txt").write_text("abc")
    said = []
    plain = Plain(one, said.append)
    await plain.open(NEWS)
    await plain.take(f"/file {tmp_path}/a.txt")
    await plain.take("/file /nope")
    assert (await one.timeline(NEWS))[-1].event.attachment.filename == "a.txt"
    assert "can't be read" in said[-1]


async def test_what_was_given_up_is_kept_no_longer(hand):
    from fallback.core.outbox import Wedge
    from tests.tui.fakes import deliver

    await hand.session.send_file(NEWS, Attachment(MediaKind.DOCUMENT, "a"), b"x")
    await deliver(hand.session, Wedge("too large"))
    row = (await hand.session.timeline(NEWS))[-1]
    await hand.session.drop(row.delivery)
    assert hand.session.files.media.files == {}

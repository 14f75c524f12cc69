"""The example exports are what their README says, and their generator gives them."""

import importlib.util
import io
import re
import struct
import sys
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from platform import machine
from zoneinfo import ZoneInfo

import PIL
import pytest
from PIL import Image

FOLDER = Path(__file__).parent.parent / "examples" / "exports"
NEWSROOM, CLINIC = "newsroom-ar.zip", "clinic-en.zip"
CHATS = {NEWSROOM: "دردشة واتساب مع غرفة الأخبار.txt", CLINIC: "_chat.txt"}
BAGHDAD, LONDON = ZoneInfo("Asia/Baghdad"), ZoneInfo("Europe/London")
SAME_ENCODERS = (PIL.__version__, zlib.ZLIB_RUNTIME_VERSION, sys.platform, machine()) == (
    "13.0.0",
    "1.2.13",
    "linux",
    "x86_64",
)
_ANDROID = re.compile(
    r"(\d+)\u200f/(\d+)\u200f/(\d{4})، (\d+):(\d\d) ([صم]) - (?:([^:\n]+): )?(.*)", re.DOTALL
)
_IOS = re.compile(r"\u200e?\[(\d\d/\d\d/\d{4}, \d\d:\d\d:\d\d)\] ([^:]+): (.*)", re.DOTALL)


@pytest.fixture(scope="module")
def generator():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("make_exports", FOLDER / "make_exports.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["make_exports"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("make_exports", "drawings"):
            sys.modules.pop(name, None)


def members(name):
    with zipfile.ZipFile(FOLDER / name) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def newsroom():
    """Give the newsroom's records: when, who (None for the app), what."""
    text = members(NEWSROOM)[CHATS[NEWSROOM]].decode()
    parts = re.split(r"(?<!\r)\n(?=\d+\u200f/)", text.removesuffix("\n"))
    for part in parts:
        day, month, year, hour, minute, half, sender, body = _ANDROID.fullmatch(part).groups()
        hour = int(hour) % 12 + (12 if half == "م" else 0)
        yield datetime(int(year), int(month), int(day), hour, int(minute), tzinfo=BAGHDAD), sender, body


def clinic():
    """Give the clinic's records: when, label, what."""
    for part in members(CLINIC)[CHATS[CLINIC]].decode().removesuffix("\r\n").split("\r\n"):
        when, label, body = _IOS.fullmatch(part).groups()
        yield datetime.strptime(when, "%d/%m/%Y, %H:%M:%S").replace(tzinfo=LONDON), label, body


def written(name):
    """Give who wrote something, system lines left out."""
    if name == NEWSROOM:
        return [who for _, who, _ in newsroom() if who is not None]
    system = re.compile(
        r"\u200e(Messages and calls|You're now|You changed|\S+.* (created|added|joined|changed) )"
    )
    return [who for _, who, body in clinic() if not system.match(body)]


@pytest.mark.parametrize(
    ("name", "records", "system", "people"), [(NEWSROOM, 520, 24, 12), (CLINIC, 191, 11, 7)]
)
def test_the_counts_are_those_of_the_readme(name, records, system, people):
    everything = list(newsroom() if name == NEWSROOM else clinic())
    said = written(name)
    assert (len(everything), len(everything) - len(said), len(set(said))) == (records, system, people)
    readme = (FOLDER / "README.md").read_text("utf-8")
    for count in (records, system, people):
        assert re.search(rf"\| {count} ", readme)


def test_the_newsroom_lasts_three_weeks_and_ends_before_the_outage():
    times = [when for when, _, _ in newsroom()]
    assert (times[0], times[-1]) == (
        datetime(2021, 9, 13, 8, 55, tzinfo=BAGHDAD),
        datetime(2021, 10, 4, 15, 38, tzinfo=UTC),
    )
    assert times == sorted(times)


def test_the_clinic_lasts_three_weeks_and_ends_before_the_outage():
    times = [when for when, _, _ in clinic()]
    assert (times[0], times[-1]) == (
        datetime(2021, 9, 13, 7, 58, 23, tzinfo=LONDON),
        datetime(2021, 10, 4, 15, 38, 9, tzinfo=UTC),
    )
    assert times == sorted(times)


def test_the_newsroom_writes_more_than_150_different_arabic_lines():
    arabic = {
        body for _, who, body in newsroom() if who is not None and re.search("[\u0621-\u064a]{2}", body)
    }
    assert len(arabic) > 150


def test_a_pasted_chat_stands_after_crlf_in_one_message_only():
    pasted = [body for _, _, body in newsroom() if "\r\n" in body]
    assert len(pasted) == 1
    assert len(_ANDROID.findall(pasted[0].replace("\r\n", "\n"))) >= 1
    assert b"\r" not in members(NEWSROOM)[CHATS[NEWSROOM]].replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("name", "deleted", "edited", "omitted"),
    [
        (
            NEWSROOM,
            ("تم حذف هذه الرسالة", "أنت حذفت هذه الرسالة"),
            ("<تم تعديل هذه الرسالة>", 3),
            "<تم استبعاد الوسائط>",
        ),
        (
            CLINIC,
            ("\u200eThis message was deleted.", "\u200eYou deleted this message."),
            ("<This message was edited>", 1),
            "\u200eimage omitted",
        ),
    ],
)
def test_deleted_edited_omitted_poll_location_and_mentions_are_there(name, deleted, edited, omitted):
    bodies = [body for _, _, body in (newsroom() if name == NEWSROOM else clinic())]
    assert sum(body in deleted for body in bodies) == (3 if name == NEWSROOM else 2)
    assert sum(body.endswith(edited[0]) for body in bodies) == edited[1]
    assert bodies.count(omitted) == 1
    assert sum(body.lstrip("\u200e").startswith("POLL:\n") for body in bodies) == 1
    assert sum("https://maps.google.com/?q=" in body for body in bodies) == 1
    mentions = [body for body in bodies if "@\u2068" in body]
    assert len(mentions) >= 2
    assert all(body.count("\u2068") == body.count("\u2069") for body in mentions)


@pytest.mark.parametrize("name", [NEWSROOM, CLINIC])
def test_every_medium_is_named_in_the_chat_and_opens_as_what_it_claims(name):
    files = members(name)
    chat = files.pop(CHATS[name]).decode()
    assert len(files) == (12 if name == NEWSROOM else 7)
    for file, content in files.items():
        assert (
            chat.count(
                f"\u200e{file} (الملف مرفق)\n" if name == NEWSROOM else f"\u200e<attached: {file}>\r\n"
            )
            == 1
        )
        check(Path(file).suffix, content)


def check(suffix, content):
    match suffix:
        case ".jpg" | ".webp":
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert image.format == {".jpg": "JPEG", ".webp": "WEBP"}[suffix]
                assert max(image.size) <= 640
            assert len(content) <= 25_000
        case ".opus":
            assert content[:4] == b"OggS"
            assert content[28:36] == b"OpusHead"
            assert struct.unpack_from("<Q", content, content.rindex(b"OggS") + 6)[0] > 48_000 * 2
            assert len(content) < 15_000
        case ".pdf":
            assert_pdf(content)
        case ".vcf":
            rows = content.decode().split("\r\n")
            assert (rows[0], rows[1], rows[-2]) == ("BEGIN:VCARD", "VERSION:3.0", "END:VCARD")
        case _:
            pytest.fail(f"nobody knows {suffix}")


def assert_pdf(content):
    assert content.startswith(b"%PDF-1.4\n")
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])
    assert content[table:].startswith(b"xref\n")
    offsets = [int(row) for row in re.findall(rb"(\d{10}) 00000 n ", content[table:])]
    for number, offset in enumerate(offsets, 1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    length, body = re.search(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL).groups()
    assert int(length) == len(body)


@pytest.mark.parametrize("name", [NEWSROOM, CLINIC])
def test_the_zip_is_small_and_its_names_are_utf_8(name):
    assert (FOLDER / name).stat().st_size < 400_000
    with zipfile.ZipFile(FOLDER / name) as archive:
        assert all(entry.filename.isascii() or entry.flag_bits & 0x800 for entry in archive.infolist())


@pytest.mark.parametrize(("script", "name"), [("newsroom", NEWSROOM), ("clinic", CLINIC)])
def test_the_scripts_give_the_committed_zip(generator, tmp_path, script, name):
    generator.write(generator.build(script), generator.load_frame(script)["chat"], tmp_path / name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        made = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    kept = members(name)
    assert list(made) == list(kept)
    drawn = {file for file in made if file.endswith((".jpg", ".webp"))}
    for file in made.keys() - drawn:
        assert made[file] == kept[file], file
    for file in drawn:
        with Image.open(io.BytesIO(made[file])) as new, Image.open(io.BytesIO(kept[file])) as old:
            assert (new.format, new.size, new.mode) == (old.format, old.size, old.mode)
    if SAME_ENCODERS:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()

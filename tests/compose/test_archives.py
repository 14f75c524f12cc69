"""Archives on disk: whole or not there, for their owner alone, and never over anything else."""

import io
import stat
import tracemalloc
import zipfile
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.compose.archives import file_name, packed, write_archive
from fallback.core.events import Attachment, Group, Identity, MediaKind, Message
from fallback.core.ids import ChatId, SourceId
from fallback.errors import ArchiveError, UsageError

GROUP = Group(chat=ChatId("c"), name="Newsroom")
SARA = Identity(name="Sara")


class Files:
    def read(self, name):
        if name == "gone":
            raise ArchiveError("there is no such file")
        return f"bytes of {name}".encode()


class Chat:
    """Events that are made as they are asked for."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        for n in range(self.count):
            yield Message(
                id=SourceId(f"e{n}"),
                chat=GROUP.chat,
                sender=SARA,
                at=n * 60_000,
                text=f"text {n} of the group's history",
            )


def picture(name, kind=MediaKind.IMAGE):
    file = Attachment(kind=kind, filename=name, source=name)
    return Message(id=SourceId(name), chat=GROUP.chat, sender=SARA, attachment=file)


def test_the_page_and_its_media_are_for_their_owner_alone(tmp_path):
    done = write_archive(GROUP, [picture("a.jpg")], Files(), tmp_path / "out", zone=UTC)
    assert done.files == 1
    assert (done.folder / "media/00001-a.jpg").read_bytes() == b"bytes of a.jpg"
    assert 'src="media/00001-a.jpg"' in (done.folder / "index.html").read_text()
    for path in done.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_small_archive_is_one_file(tmp_path):
    done = write_archive(GROUP, [picture("a.jpg")], Files(), tmp_path / "out", zone=UTC, inside=True)
    assert [one.name for one in done.folder.iterdir()] == ["index.html"]
    assert 'src="data:image/jpeg;base64,' in (done.folder / "index.html").read_text()


def test_what_a_browser_would_run_is_never_a_page_inside_the_page(tmp_path):
    events = [picture("a.svg"), picture("b.html", MediaKind.DOCUMENT)]
    done = write_archive(GROUP, events, Files(), tmp_path / "out", zone=UTC, inside=True)
    assert (done.folder / "index.html").read_text().count('href="data:application/octet-stream;base64,') == 2


def test_too_much_for_one_file_is_said_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("fallback.compose.archives.INSIDE_LIMIT", 5)
    with pytest.raises(UsageError, match="too much for one file"):
        write_archive(GROUP, [picture("a.jpg")], Files(), tmp_path / "out", zone=UTC, inside=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cant_be_read_is_counted_and_named(tmp_path):
    done = write_archive(GROUP, [picture("gone")], Files(), tmp_path / "out", zone=UTC)
    assert (done.files, done.missing) == (0, 1)
    assert "not in the export" in (done.folder / "index.html").read_text()


def test_an_archive_is_written_anew_only_by_force(tmp_path):
    write_archive(GROUP, Chat(1), Files(), tmp_path / "out", zone=UTC)
    with pytest.raises(UsageError, match="there already"):
        write_archive(GROUP, Chat(2), Files(), tmp_path / "out", zone=UTC)
    assert write_archive(GROUP, Chat(2), Files(), tmp_path / "out", zone=UTC, force=True).messages == 2


def test_what_is_no_archive_is_never_touched(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="no archive"):
        write_archive(GROUP, Chat(1), Files(), tmp_path, zone=UTC, force=True)
    assert (tmp_path / "photo.jpg").read_bytes() == b"mine"


def test_a_long_history_takes_no_more_memory_than_a_short_one(tmp_path):
    def peak(count):
        tracemalloc.start()
        write_archive(GROUP, Chat(count), Files(), tmp_path / f"out{count}", zone=UTC)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    assert peak(5_000) < peak(1_000) + 200_000


def test_a_zip_is_the_same_for_the_same_archive(tmp_path):
    events = [picture("a.jpg"), *Chat(3)]
    folders = [write_archive(GROUP, events, Files(), tmp_path / name, zone=UTC).folder for name in "ab"]
    (first, whole), (second, _) = (packed(folder, limit=1_000_000) for folder in folders)
    assert whole
    assert first == second
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["index.html", "media/00001-a.jpg"]


def test_a_zip_that_would_be_too_large_is_the_page_alone(tmp_path):
    folder = write_archive(GROUP, [picture("a.jpg")], Files(), tmp_path / "out", zone=UTC).folder
    data, whole = packed(folder, limit=(folder / "index.html").stat().st_size)
    assert not whole
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["index.html"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("تقرير 1.pdf", "00001-تقرير_1.pdf"),
        ("../../etc/passwd", "00001-passwd"),
        ("C:\\x\\con.txt", "00001-con.txt"),
        ("page.html", "00001-page.html.txt"),
        ("picture.SVG", "00001-picture.svg.txt"),
        ("", "00001-file"),
    ],
)
def test_a_files_name_is_safe(name, kept):
    assert file_name(1, name) == kept


@given(st.text(max_size=100))
def test_no_name_leaves_its_folder_hides_or_grows(name):
    kept = file_name(7, name)
    assert kept.startswith("00007-")
    assert not set(kept) & set('/\\\0<>:"|?*\n')
    assert len(kept) < 90

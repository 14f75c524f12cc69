"""Every layout of an export opens; every hostile one is refused with a reason."""

import io
import struct
import unicodedata
import zipfile

import pytest

from fallback.errors import ArchiveError, ParseError, UsageError
from fallback.networks.whatsapp.archive import open_export, title_of
from fallback.networks.whatsapp.export import read_export, read_exports

CHAT = "05/03/2024, 10:00 - Mona: hello\n15/03/2024, 10:01 - Adel: IMG-20240315-WA0001.jpg (file attached)\n"


def _zip(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("folder", ["", "WhatsApp Chat - Desk/"])
def test_zip_gives_chat_and_media_wherever_they_lie(tmp_path, folder):
    path = _zip(
        tmp_path / "WhatsApp Chat - Desk.zip",
        {
            f"{folder}_chat.txt": CHAT,
            f"{folder}IMG-20240315-WA0001.jpg": b"jpeg",
            f"__MACOSX/{folder}._IMG-20240315-WA0001.jpg": b"junk",
            f"{folder}notes.txt": "no chat at all",
        },
    )
    with open_export(path) as archive:
        assert [chat.name for chat in archive.chats] == [f"{folder}_chat.txt"]
        assert set(archive.media) == {f"{folder}IMG-20240315-WA0001.jpg", f"{folder}notes.txt"}
        assert archive.read(f"{folder}IMG-20240315-WA0001.jpg") == b"jpeg"
    export = read_export(path, timezone="UTC")
    attachment = list(export.events)[1].attachment
    assert (attachment.source, attachment.size, attachment.mimetype) == (
        f"{folder}IMG-20240315-WA0001.jpg",
        4,
        "image/jpeg",
    )
    assert export.group.name == "Desk"


def test_folder_and_single_text_give_the_same_messages(tmp_path):
    (tmp_path / "WhatsApp Chat with Desk.txt").write_text(CHAT)
    (tmp_path / "IMG-20240315-WA0001.jpg").write_bytes(b"jpeg")
    whole = read_export(tmp_path, timezone="UTC")
    alone = read_export(tmp_path / "WhatsApp Chat with Desk.txt", timezone="UTC")
    assert list(whole.events) == list(alone.events)
    assert whole.totals.found == 1
    assert whole.group.name == "Desk"


def test_names_without_the_utf8_flag_and_decomposed_names_are_found(tmp_path):
    name = "Übergabe größe.pdf"
    raw = unicodedata.normalize("NFD", name).encode()
    chat = f"[05.03.24, 10:00:00] Mona: \u200e<Anhang: 00000002-{name}>\r\n[15.03.24, 10:00:00] Mona: ok\r\n"
    entry = b"00000002-" + raw
    placeholder = "x" * len(entry)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("_chat.txt", chat)
        archive.writestr(placeholder, b"pdf")
    path = tmp_path / "chat.zip"
    path.write_bytes(buffer.getvalue().replace(placeholder.encode(), entry))
    export = read_export(path, timezone="UTC")
    assert export.totals.missing == []
    assert export.totals.found == 1


def test_several_chats_of_one_zip_are_read_one_by_one(tmp_path):
    path = _zip(tmp_path / "all.zip", {"a/_chat.txt": CHAT, "b/_chat.txt": CHAT.replace("Mona", "Lina")})
    with pytest.raises(UsageError, match="several chats"):
        read_export(path)
    assert [sorted(p.name for p in export.participants) for export in read_exports(path)] == [
        ["Adel", "Mona"],
        ["Adel", "Lina"],
    ]


def test_chat_that_was_sent_as_a_document_is_no_chat_of_its_own(tmp_path):
    chat = CHAT + "15/03/2024, 10:02 - Adel: WhatsApp Chat with Bob.txt (file attached)\n"
    path = _zip(
        tmp_path / "c.zip", {"WhatsApp Chat with Desk.txt": chat, "WhatsApp Chat with Bob.txt": CHAT[:40]}
    )
    with open_export(path) as archive:
        assert [c.title for c in archive.chats] == ["Desk"]


def test_encrypted_zip_is_refused(tmp_path):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": CHAT})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="password") as caught:
        open_export(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["../_chat.txt", "/etc/_chat.txt", "a/../../_chat.txt", "C:\\_chat.txt", "..\\x.jpg"]
)
def test_climbing_paths_are_refused(tmp_path, name):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": CHAT, name: b"x"})
    with pytest.raises(ArchiveError, match="leaves it"):
        open_export(path)


def test_links_are_refused_in_zip_and_folder(tmp_path):
    link = zipfile.ZipInfo("photo.jpg")
    link.external_attr = 0o120777 << 16
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", CHAT)
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        open_export(path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "_chat.txt").write_text(CHAT)
    (folder / "photo.jpg").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        open_export(folder)


def test_bombs_are_refused(tmp_path):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": b"0" * (40 << 20)})
    with pytest.raises(ArchiveError, match="packed beyond belief"):
        open_export(path)


def test_overlapping_members_are_refused(tmp_path):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": CHAT, "b.jpg": b"x" * 100})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 42 : at + 46] = struct.pack("<I", 0)
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="overlap"):
        open_export(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_torn_zip_is_refused(tmp_path, share):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": CHAT})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveError):
        open_export(path)


def test_damaged_member_is_refused(tmp_path):
    path = _zip(tmp_path / "c.zip", {"_chat.txt": CHAT * 50})
    data = bytearray(path.read_bytes())
    data[60:70] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        list(read_export(path).events)


def test_zip_without_a_chat_and_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(ArchiveError, match="holds no WhatsApp chat"):
        open_export(_zip(tmp_path / "c.zip", {"photo.jpg": b"x", "notes.txt": "shopping"}))
    with pytest.raises(ArchiveError, match="There is no file"):
        open_export(tmp_path / "nothing.zip")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(ParseError, match="empty"):
        read_export(tmp_path / "empty.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_read(tmp_path, encoding):
    path = tmp_path / "chat.txt"
    path.write_bytes("18/03/2024, 07:02 - Zoë: größe 😀\n".encode(encoding))
    assert [record.text for record in read_export(path).records()] == ["größe 😀"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("WhatsApp Chat - Night Desk.zip", "Night Desk"),
        ("WhatsApp Chat with Ward 7.txt", "Ward 7"),
        ("Nöbet ile WhatsApp Sohbeti.txt", "Nöbet"),
        ("夜班とのWhatsAppチャット.txt", "夜班"),
        ("WhatsApp 与 夜班 的对话.txt", "夜班"),
        ("WhatsApp-Chat mit Halle 2.txt", "Halle 2"),
        ("_chat.txt", ""),
        ("notes.txt", ""),
    ],
)
def test_title_is_taken_from_localised_file_names(name, title):
    assert title_of(name) == title

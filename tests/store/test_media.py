"""The media folder: sealed, bound to its name, for its owner alone."""

import pytest

from fallback.errors import PermanentError
from fallback.store.media import MediaFolder, MemoryMedia

SECRET = b"a photo of a source"


@pytest.fixture(params=["folder", "memory"])
def media(request, tmp_path):
    return MediaFolder(tmp_path / "media", bytes(32)) if request.param == "folder" else MemoryMedia()


async def test_what_is_kept_comes_back_until_it_is_forgotten(media):
    await media.keep("a1", SECRET)
    assert await media.fetch("a1") == SECRET
    await media.forget("a1")
    await media.forget("a1")
    with pytest.raises(PermanentError):
        await media.fetch("a1")


async def test_nothing_on_the_disk_is_in_clear_or_readable_by_others(tmp_path):
    await MediaFolder(tmp_path / "media", bytes(32)).keep("a1", SECRET)
    file = tmp_path / "media" / "a1"
    assert SECRET not in file.read_bytes()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_a_file_that_was_changed_swapped_or_cut_is_refused(tmp_path):
    media = MediaFolder(tmp_path, bytes(32))
    await media.keep("a1", SECRET)
    sealed = (tmp_path / "a1").read_bytes()
    (tmp_path / "b2").write_bytes(sealed)
    (tmp_path / "c3").write_bytes(sealed[:8])
    (tmp_path / "a1").write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    for name in ("a1", "b2", "c3"):
        with pytest.raises(PermanentError, match="damaged"):
            await media.fetch(name)


async def test_a_name_never_leaves_the_folder(tmp_path):
    for name in ("../a", "", "a/b", "A"):
        with pytest.raises(PermanentError):
            await MediaFolder(tmp_path, bytes(32)).fetch(name)

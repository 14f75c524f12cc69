"""Contacts last in every store, and an older store takes them in."""

import pytest
from msgspec.structs import replace

from fallback.core.contacts import Contact, Trust, tidy
from fallback.core.ids import ContactId
from fallback.errors import StoreError
from fallback.store.database import upgrades
from fallback.store.sqlite import SqliteStore

KEY = b"k" * 32
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
HUDA = tidy(
    Contact(
        id=ContactId("c1"),
        name="هدى",
        phones=("+962790000001",),
        lids=("123456789012345",),
        mxids=("@huda:example.org",),
        emails=("h@example.org",),
        channels=("ntfy:desk",),
        notes="one\ntwo",
        trust=Trust.CONFIRMED,
        photo=PNG,
        extra=("ORG:Ward 7",),
    )
)
OMAR = tidy(Contact(id=ContactId("c2"), name="Omar"))


async def test_a_contact_comes_back_whole(store):
    await store.save_contact(HUDA)
    assert await store.contact(HUDA.id) == HUDA
    assert await store.contact(ContactId("nobody")) is None


async def test_contacts_are_listed_oldest_first_and_a_second_save_keeps_the_place(store):
    await store.save_contacts([HUDA, OMAR])
    changed = replace(HUDA, name="Huda", photo=b"")
    await store.save_contact(changed)
    assert await store.contacts() == [changed, OMAR]


async def test_a_contact_is_forgotten(store):
    await store.save_contacts([HUDA, OMAR])
    await store.remove_contact(HUDA.id)
    await store.remove_contact(HUDA.id)
    assert await store.contacts() == [OMAR]


async def test_a_merge_is_one_step(store):
    await store.save_contacts([HUDA, OMAR])
    joined = replace(HUDA, aliases=("Omar",))
    await store.save_contacts([joined], remove=[OMAR.id])
    assert await store.contacts() == [joined]


async def test_a_failed_save_leaves_everything_as_it_was(sqlite):
    await sqlite.save_contact(OMAR)
    with pytest.raises(Exception, match="NOT NULL"):
        await sqlite.save_contacts([replace(OMAR, name="Umar"), replace(HUDA, photo=None)], remove=[OMAR.id])
    assert await sqlite.contacts() == [OMAR]


async def test_contacts_outlive_the_process(path):
    store = await SqliteStore.open(path, KEY)
    await store.save_contact(HUDA)
    await store.close()
    assert "هدى".encode() not in path.read_bytes()
    store = await SqliteStore.open(path, KEY)
    assert await store.contacts() == [HUDA]
    await store.close()


async def test_a_store_of_the_first_schema_is_upgraded_with_its_data(path):
    store = await SqliteStore.open(path, KEY, steps=upgrades()[:1])
    await store.put("account", "kept")
    await store.close()
    store = await SqliteStore.open(path, KEY)
    assert await store.get("account") == "kept"
    assert await store.contacts() == []
    await store.save_contact(HUDA)
    assert await store.contacts() == [HUDA]
    await store.close()


async def test_an_older_program_refuses_a_store_with_contacts(path):
    await (await SqliteStore.open(path, KEY)).close()
    with pytest.raises(StoreError, match="newer version"):
        await SqliteStore.open(path, KEY, steps=upgrades()[:1])


async def test_an_entry_that_cannot_be_read_is_told(sqlite):
    await sqlite._writer.run(
        lambda db: db.execute("INSERT INTO contacts (id, contact, photo) VALUES ('a', x'00', x'')")
    )
    with pytest.raises(StoreError, match="can't be read"):
        await sqlite.contacts()

"""Every implementation of the store; the next one is one more parameter."""

import pytest

from fallback.store.memory import MemoryStore
from fallback.store.postgres import PostgresStore
from fallback.store.sqlite import SqliteStore
from tests.store import postgres_server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work" / "store.db"


@pytest.fixture(scope="session")
def database():
    """A real PostgreSQL server."""
    yield postgres_server.running()
    postgres_server.stop_running()


@pytest.fixture
def url(database):
    return database.fresh()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, path):
    match request.param:
        case "memory":
            made = MemoryStore()
        case "sqlite":
            made = await SqliteStore.open(path)
        case "postgres":
            made = await PostgresStore.open(request.getfixturevalue("url"))
    yield made
    await made.close()


@pytest.fixture
async def sqlite(path):
    made = await SqliteStore.open(path)
    yield made
    await made.close()


@pytest.fixture
async def postgres(url):
    made = await PostgresStore.open(url)
    yield made
    await made.close()

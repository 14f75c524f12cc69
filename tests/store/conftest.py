"""Every implementation of the store; the next one is one more parameter."""

import pytest

from fallback.store.memory import MemoryStore
from fallback.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work" / "store.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, path):
    made = MemoryStore() if request.param == "memory" else await SqliteStore.open(path)
    yield made
    await made.close()


@pytest.fixture
async def sqlite(path):
    made = await SqliteStore.open(path)
    yield made
    await made.close()

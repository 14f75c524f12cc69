import ssl

import aiohttp
import pytest

from fallback.clock import SystemClock
from fallback.simulator.endpoints import Endpoints


@pytest.fixture
async def endpoints(tmp_path):
    async with Endpoints(tmp_path) as there:
        yield there


@pytest.fixture
def trust(endpoints):
    return ssl.create_default_context(cafile=str(endpoints.cafile))


@pytest.fixture
async def session():
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=5)) as one:
        yield one


@pytest.fixture
def clock():
    return SystemClock()

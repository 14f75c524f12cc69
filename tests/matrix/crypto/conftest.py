"""Devices of ours on the real homeserver, and the witness: another client's eyes."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from fallback.matrix.crypto.client import SafeClient
from tests.live_synapse import side_at
from tests.matrix.crypto.rooms import sync

WITNESS = Path(__file__).parent / "witness"
KEY = bytes(range(32))


@pytest.fixture
async def devices(live, tmp_path):
    """Make devices of ours; an account's further ones by its user and password."""
    made = []

    async def make(name="person", *, account=None, allow_unsigned=False):
        account = account or await live.account(name)
        token, device = await live.server.login(account.user, account.password)
        client = SafeClient(
            live.url,
            account.user,
            device,
            token,
            folder=tmp_path / f"{len(made)}",
            key=KEY,
            allow_unsigned=allow_unsigned,
        )
        client.account = account
        made.append(client)
        await client.receive()
        return client

    yield make
    for client in made:
        await client.close()


@pytest.fixture
async def sides(live, tmp_path):
    """Make sides of the port; an account's further devices by its user and password."""
    made = []

    async def make(name="us", *, account=None):
        account = account or await live.account(name)
        token, device = await live.server.login(account.user, account.password)
        folder = tmp_path / f"side{len(made)}"
        side = side_at(live.url, account.user, device, token, folder=folder)
        side.account = account
        made.append(side)
        await sync(side)
        return side

    yield make
    for side in made:
        await side.close()


class Witness:
    """One device of matrix-js-sdk."""

    def __init__(self, process):
        self.process = process

    async def __call__(self, command, **values):
        line = json.dumps({"name": command, **values}).encode() + b"\n"
        self.process.stdin.write(line)
        async with asyncio.timeout(30):
            answer = json.loads(await self.process.stdout.readline())
        assert "failed" not in answer, answer["failed"]
        return answer

    async def stop(self):
        if self.process.returncode is None:
            self.process.stdin.close()
            self.process.kill()
            await self.process.wait()


def installed_witness():
    """Install the witness once, outside of the repository; gives its script."""
    for program, package in (("node", "nodejs"), ("npm", "npm")):
        if shutil.which(program) is None:
            pytest.skip(f"the witness needs the Debian package {package}")
    parts = [(WITNESS / name).read_bytes() for name in ("package-lock.json", "witness.mjs")]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fallback-tests"
    home = cache / hashlib.sha256(parts[0]).hexdigest()[:16]
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(WITNESS / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            done = subprocess.run(command, cwd=folder, timeout=120, capture_output=True, check=False)
            if done.returncode:
                pytest.skip("the witness needs npm to reach a registry once")
            try:
                Path(folder).rename(home)
            except OSError:
                assert home.exists()
            else:
                Path(folder).mkdir()
    script = home / f"witness-{hashlib.sha256(parts[1]).hexdigest()[:16]}.mjs"
    script.write_bytes(parts[1])
    return script


@pytest.fixture(scope="session")
def witness_script():
    return installed_witness()


@pytest.fixture
async def witness(live, witness_script):
    """Make witnesses, each a device of its own."""
    made = []

    async def make(name="witness", *, account=None, strict=True):
        account = account or await live.account(name)
        token, device = await live.server.login(account.user, account.password)
        process = await asyncio.create_subprocess_exec(
            "node",
            str(witness_script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            limit=2**20,
        )
        side = Witness(process)
        made.append(side)
        side.user, side.device, side.account = account.user, device, account
        await side("start", url=live.url, user=account.user, device=device, token=token, strict=strict)
        return side

    yield make
    for side in made:
        await side.stop()

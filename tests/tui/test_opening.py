"""The client opens without any network library."""

import subprocess
import sys


def test_the_client_loads_no_network_library_and_no_database():
    heavy = ["nio", "aiohttp", "sqlcipher3", "asyncpg", "cryptography", "babel", "arabic_reshaper"]
    code = f"import sys, fallback.tui.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_colour_is_needed_to_read_the_screen():
    code = (
        "import asyncio, os, sys; sys.path.insert(0, sys.argv[1]); from tests.tui import fakes\n"
        "async def main():\n"
        "    client = fakes.app(await fakes.session())\n"
        "    async with client.run_test(size=(80, 24)) as pilot:\n"
        "        await pilot.pause()\n"
        "        print(client.no_color, client.animation_level)\n"
        "asyncio.run(main())\n"
    )
    here = __file__.rpartition("/tests/")[0]
    done = subprocess.run(
        [sys.executable, "-c", code, here], capture_output=True, text=True, check=True,
        env={"NO_COLOR": "1", "TEXTUAL_ANIMATIONS": "none", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.stdout.split() == ["True", "none"]

"""A device that is killed (no cleaning up at all) at a named step: ``killed.py FOLDER URL USER DEVICE STEP``.

The token comes on stdin.
"""

import asyncio
import os
import sys
from pathlib import Path

from fallback.matrix.crypto.client import SafeClient


def die(*arguments, **named):
    os._exit(9)


async def main(folder, url, user, device, step):
    token = sys.stdin.read()
    client = SafeClient(
        url, user, device, token, folder=Path(folder), key=bytes(range(32)), allow_unsigned=True
    )
    match step:
        case "token":
            client.crypto.save_sync_token = die
        case "after":
            client.machine.add_changed_users = die
        case "between":
            client._handle_joined_rooms = die
    await client.receive()


asyncio.run(main(*sys.argv[1:]))

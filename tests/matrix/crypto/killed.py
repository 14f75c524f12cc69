"""A device that is killed at a named step: ``killed.py FOLDER URL USER DEVICE STEP MOMENT [ROOM]``.

It syncs, and with a room says something there.  ``STEP`` is a part of a sync, or a word in the path of a request, where
``MOMENT`` is ``asked`` (before it leaves) or ``answered`` (before its answer is known).  The token comes on stdin.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from fallback.matrix.crypto.client import SafeClient


def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)


async def main(folder, *account, step, moment, room=""):
    token = sys.stdin.read()
    client = SafeClient(*account, token, folder=Path(folder), key=bytes(range(32)), allow_unsigned=True)
    match step:
        case "token":
            client.crypto.save_sync_token = die
        case "after":
            client.machine.add_changed_users = die
        case "between":
            client._handle_joined_rooms = die
    send = client.send

    async def watched(method, path, *rest, **named):
        if step in path and moment == "asked":
            die()
        answer = await send(method, path, *rest, **named)
        if step in path:
            die()
        return answer

    client.send = watched
    await client.receive()
    if room:
        await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": step}, tx_id=step)


asyncio.run(main(*sys.argv[1:5], **dict(zip(("step", "moment", "room"), sys.argv[5:], strict=False))))

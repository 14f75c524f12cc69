"""The control socket: one line of JSON asks, one answers; for processes of the same user alone."""

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fallback.core.ids import DeliveryId
from fallback.errors import FallbackError, UsageError
from fallback.relay.daemon import Relay
from fallback.relay.protocol import (
    LONGEST,
    NAME,
    PATIENCE,
    VERSION,
    Answer,
    Refusal,
    Request,
    reachable,
)
from fallback.relay.status import status, stuck

log = logging.getLogger(__name__)
Command = Callable[[Request], Awaitable[object]]


def commands(relay: Relay) -> Mapping[str, Command]:
    """Give what can be asked of a relay."""

    async def retry(request: Request) -> None:
        await relay.store.retry(DeliveryId(request.delivery))
        relay.ring()

    async def standing(_: Request) -> dict[str, Any]:
        return (await status(relay)).told()

    return {
        "status": standing,
        "pause": lambda _: relay.pause(),
        "resume": lambda _: relay.resume(),
        "wedges": lambda _: stuck(relay.store),
        "retry": retry,
        "drop": lambda request: relay.store.drop(DeliveryId(request.delivery)),
    }


@contextlib.asynccontextmanager
async def listening(folder: Path, table: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer on the folder's socket meanwhile; whoever holds the profile's lock owns it."""
    with reachable(folder) as path:
        path.unlink(missing_ok=True)
        place = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        place.bind(str(path))
        path.chmod(0o600)
    server = await asyncio.start_unix_server(
        lambda reader, writer: _serve(reader, writer, table), sock=place, limit=LONGEST
    )
    try:
        async with server:
            yield
    finally:
        (folder / NAME).unlink(missing_ok=True)


def peer(connection: socket.socket) -> int:
    """Give the user id of the process at the other end."""
    size = struct.calcsize("3i")
    uid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    return uid


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, table: Mapping[str, Command]
) -> None:
    try:
        if peer(writer.get_extra_info("socket")) != os.geteuid():
            log.warning("a process of another user was refused at the control socket")
            return
        async with asyncio.timeout(PATIENCE):
            writer.write(msgspec.json.encode(await _answer(await reader.readline(), table)) + b"\n")
            await writer.drain()
    except (OSError, TimeoutError, ValueError):
        log.info("a caller of the control socket went away or asked for too much")
    finally:
        writer.close()


async def _answer(line: bytes, table: Mapping[str, Command]) -> Answer:
    try:
        request = msgspec.json.decode(line, type=Request)
        if request.version != VERSION:
            raise UsageError(
                f"the relay speaks version {VERSION} of the control socket, not {request.version}",
                "Use the same version of fallback as the relay.",
            )
        if request.command not in table:
            raise UsageError(f"the relay knows no command {request.command!r}")
        return Answer(await table[request.command](request))
    except msgspec.MsgspecError:
        return Answer(refusal=Refusal("this is no request", code=UsageError.exit_code))
    except FallbackError as error:
        return Answer(refusal=Refusal(error.message, error.hint, error.exit_code))

"""Ask the relay that runs on a profile, by its control socket."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec

from fallback import errors
from fallback.errors import FallbackError, TransientError
from fallback.relay.protocol import LONGEST, PATIENCE, Answer, Refusal, Request, reachable


async def ask(folder: Path, command: str, *, delivery: str = "") -> Any:
    """Ask once; gives the answer as plain values.

    Args:
        folder: the profile's data folder.

    Raises:
        NoRelayError: none runs on this profile.
        FallbackError: as the relay raised it.
        TransientError: it does not answer.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            line = await _exchange(folder, Request(command, delivery=delivery))
        answer = msgspec.json.decode(line, type=Answer)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NoRelayError("no relay runs on this profile", "Start it: fallback relay") from error
    except (OSError, TimeoutError, ValueError) as error:
        raise TransientError(
            "the relay does not answer", "Look at its log; it answers its own user alone."
        ) from error
    if answer.refusal is not None:
        raise _error(answer.refusal)
    return answer.value


class NoRelayError(FallbackError):
    """No relay runs on this profile."""


async def _exchange(folder: Path, request: Request) -> bytes:
    with reachable(folder) as path:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=256 * LONGEST)
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _error(refusal: Refusal) -> FallbackError:
    """Make the error again whose exit code it was."""
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, FallbackError)]
    kind = next((one for one in kinds if one.exit_code == refusal.code), FallbackError)
    return kind(refusal.message, refusal.hint)

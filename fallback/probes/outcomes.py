"""What goes wrong with a connection, in the words of outage traces; and the clock of a look."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable

import aiohttp

from fallback.core.health import Sample
from fallback.core.ports import Clock


def word(error: BaseException) -> str:
    """Name a failed connection."""
    match error:
        case TimeoutError():
            return "timeout"
        case ssl.SSLCertVerificationError() | aiohttp.ClientConnectorCertificateError():
            return "cert_mismatch"
        case socket.gaierror() | aiohttp.ClientConnectorDNSError():
            return "dns_fail"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, OSError):
            return word(error.os_error)
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError() | asyncio.IncompleteReadError():
            return "reset"
        case aiohttp.ServerDisconnectedError() | ssl.SSLError():
            return "reset"
        case OSError(errno=errno.ECONNRESET):
            return "reset"
        case OSError(errno=errno.ECONNREFUSED):
            return "refused"
        case OSError(errno=errno.ETIMEDOUT):
            return "timeout"
        case _:
            return "unreachable"


async def look(clock: Clock, probe: str, deadline: float, how: Callable[[], Awaitable[str]]) -> Sample:
    """Look once: any failure is an outcome."""
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(deadline):
            outcome = await how()
    except (OSError, TimeoutError, aiohttp.ClientError, asyncio.IncompleteReadError, ValueError) as error:
        outcome = word(error)
    return Sample(
        at=clock.now() / 1000,
        probe=probe,
        outcome=outcome,
        latency_ms=round((clock.monotonic() - begun) * 1000, 1),
    )

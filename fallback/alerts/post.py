"""What the alerts over HTTP share: one POST, its address checked, its outcome as our own errors."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from fallback.core.alerting import is_metas
from fallback.errors import PermanentError, TransientError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT = aiohttp.ClientTimeout(total=30)


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post once; a redirect is not followed, because it could lead anywhere.

    Raises:
        TransientError: unreachable, 429 or 5xx.
        PermanentError: any other no, Meta, or no encryption on the way to another machine.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise PermanentError("this is no address of an alert", "Correct the address.") from error
    if is_metas(url):
        raise PermanentError("alerts never go through Meta", "Give the contact another channel.")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise PermanentError("an alert's address must begin with https://", "Correct the address.")
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TransientError("the alert's server can't be reached") from error
    if status == 429 or status >= 500:
        raise TransientError(f"the alert's server says to try later ({status})")
    if not 200 <= status < 300:
        raise PermanentError(f"the alert's server refuses ({status})", "Check its address and token.")

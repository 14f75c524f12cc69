"""The Graph API as the connector uses it: calls with the token in a header, errors by code, files by id."""

import hashlib
import re
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from fallback.errors import ParseError, PermanentError, TransientError
from fallback.networks.whatsapp import cloud_rules
from fallback.networks.whatsapp.cloud_json import Json, child, decode, number, string
from fallback.networks.whatsapp.cloud_messages import digest

_NODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=:+-]*(/[a-z_]+)?")
_ANSWER: Final = 4 * 1024 * 1024
LARGEST_FILE: Final = 100 * 1024 * 1024
"""Bytes of a file, by Meta's own rule."""
_HOSTS: Final = (".fbcdn.net", ".fbsbx.com", ".facebook.com", ".whatsapp.net")
"""Where the token may go for a file, beside the Graph itself."""


class GraphError(Exception):
    """An answer that is no success.

    Args:
        code: Meta's own; 0 where the answer names none.
        status: of HTTP.
    """

    def __init__(self, code: int, status: int) -> None:
        super().__init__(f"{code} ({status})")
        self.code = code
        self.status = status


class UnansweredError(TransientError):
    """The request may have been carried out, or not."""


class Graph:
    """One business number's view of the Graph.

    Args:
        base: with the version, as ``https://graph.facebook.com/v25.0``.
    """

    def __init__(self, base: str, token: str, *, timeout: float = 30.0) -> None:
        self._base = base.rstrip("/")
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def close(self) -> None:
        """Close the connections; nothing is asked any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, node: str, **params: str) -> Json:
        """Read a node, such as ``ID`` or ``ID/groups``; raises as ``call``."""
        return await self.call("GET", node, params=params)

    async def call(self, method: str, node: str, **sent: Any) -> Json:
        """Make one call.

        Args:
            sent: ``json``, ``params`` or ``data``, as aiohttp takes them.

        Raises:
            GraphError: Meta answers, and it is no success.
            UnansweredError: no answer came.
            TransientError: it can't be reached.
            PermanentError: an id leads elsewhere than it should.
        """
        if not _NODE.fullmatch(node):
            raise PermanentError("this is no id of Meta's")
        session = self._open()
        url = f"{self._base}/{node}"
        try:
            async with session.request(method, url, allow_redirects=False, **sent) as answer:
                body, status = await _limited(answer, _ANSWER), answer.status
        except aiohttp.ClientConnectorError as error:
            raise TransientError("Meta's Graph API can't be reached") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnansweredError("Meta's Graph API did not answer") from error
        try:
            found = decode(body)
        except ParseError as error:
            if status == 429 or status >= 500:
                raise GraphError(0, status) from error
            raise UnansweredError("what answers is not Meta's Graph API") from error
        refusal = child(found, "error")
        if refusal or not 200 <= status < 300:
            raise GraphError(int(number(refusal, "code")), status)
        return found

    async def file(self, media: str, phone_number_id: str, sha256: str = "") -> bytes:
        """Fetch a file by its id; an address that has run out is asked for again, once.

        Args:
            sha256: hex, as the message told it; empty for none.

        Raises:
            GraphError, UnansweredError, TransientError: as ``call``.
            PermanentError: it is gone, too large, elsewhere or not what the message told.
        """
        for last in (False, True):
            about = await self.get(media, phone_number_id=phone_number_id)
            data = await self._bytes(string(about, "url"))
            if data is not None:
                wanted = sha256 or digest(string(about, "sha256"))
                if not wanted or hashlib.sha256(data).hexdigest() == wanted:
                    return data
                if last:
                    raise PermanentError("the file is not the one that was sent")
        raise PermanentError("the file is gone")

    async def _bytes(self, url: str) -> bytes | None:
        """Fetch an address; ``None`` where it leads nowhere (any more)."""
        if not self._trusted(url):
            raise PermanentError("the file is at an address that is not Meta's")
        try:
            async with self._open().get(url, allow_redirects=False) as answer:
                if answer.status in (401, 403, 404, 410):
                    return None
                if answer.status != 200:
                    raise GraphError(0, answer.status)
                return await _limited(answer, LARGEST_FILE)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnansweredError("the file's server did not answer") from error

    def _trusted(self, url: str) -> bool:
        """Tell whether the token may go to an address: Meta's hosts, or where the Graph itself is."""
        try:
            asked, own = urlsplit(url), urlsplit(self._base)
            if (asked.scheme, asked.netloc) == (own.scheme, own.netloc):
                return True
            return asked.scheme == "https" and f".{asked.hostname or ''}".endswith(_HOSTS)
        except ValueError:
            return False

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise TransientError("the connector is closed")
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._token}"}
            self._session = aiohttp.ClientSession(headers=headers, timeout=self._timeout)
        return self._session


async def _limited(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of bounded size."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > limit:
            raise PermanentError("the answer is too large", "Look at it on a phone.")
        parts.append(part)
    return b"".join(parts)


def translated(error: GraphError) -> Exception:
    """Give the error that the loops know."""
    return cloud_rules.error(error.code, error.status)

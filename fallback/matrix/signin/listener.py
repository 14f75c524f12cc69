"""Wait on a port of this machine for the one answer that a browser brings back."""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from typing import Self

from aiohttp import web

from fallback.errors import AuthError

PATIENCE = 300.0
"""Seconds that a person has in the browser."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
}
_DONE = "Done: you may close this page and go back to fallback."


class Listener:
    """A page on 127.0.0.1 at a free port; it takes one answer and logs nothing.

    Args:
        path: of the page; by default one that nobody can guess.
        wanted: the query parameter that makes a visit an answer.
        state: what the answer must carry in ``state``, where it's not empty.
    """

    def __init__(self, wanted: str, *, path: str = "", state: str = "") -> None:
        self._path = path or f"/{secrets.token_urlsafe(24)}"
        self._wanted = wanted
        self._state = state
        self._answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        app = web.Application()
        app.router.add_get(self._path, self._visited, allow_head=False)
        self._runner = web.AppRunner(app, access_log=None)
        self._port = 0

    async def __aenter__(self) -> Self:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Free the port."""
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """Where the browser is to be sent back to."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    async def answer(self, patience: float = PATIENCE) -> Mapping[str, str]:
        """Give the parameters of the answer.

        Raises:
            AuthError: refused, not for this sign-in, or nobody came.
        """
        try:
            async with asyncio.timeout(patience):
                answer = await self._answer
        except TimeoutError as error:
            raise AuthError("nobody signed in with the browser in time", "Start again.") from error
        if self._state and not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            raise AuthError(
                "the browser's answer belongs to another sign-in, so it was not used", "Start again."
            )
        if self._wanted not in answer:
            raise AuthError("the sign-in was refused in the browser")
        return answer

    async def _visited(self, request: web.Request) -> web.Response:
        if self._answer.done():
            return web.Response(status=410, text="This sign-in has its answer already.", headers=_HEADERS)
        if not {self._wanted, "error"} & set(request.query):
            return web.Response(status=400, text="This page waits for a sign-in.", headers=_HEADERS)
        self._answer.set_result(dict(request.query))
        return web.Response(text=_DONE, headers=_HEADERS)

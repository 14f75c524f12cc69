"""What an answer of the homeserver's means for us, and that taking one in waits for nothing."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import aiohttp
from nio import AsyncClient, ErrorResponse, SyncResponse

from fallback.errors import AuthError, TransientError
from fallback.matrix.crypto.waiting import fill_in


class Reading(AsyncClient):
    """The part of a client that reads answers; a sync's, which is long to check, beside the loop."""

    async def parse_body(self, transport_response: aiohttp.ClientResponse) -> dict[Any, Any]:
        """Parse an answer, with what nio demands of events."""
        return cast("dict[Any, Any]", fill_in(await super().parse_body(transport_response)))

    async def create_matrix_response(
        self, response_class: type, transport_response: aiohttp.ClientResponse, *rest: Any, **named: Any
    ) -> Any:
        """Make nio's response of an answer."""
        if not issubclass(response_class, SyncResponse):
            return await super().create_matrix_response(response_class, transport_response, *rest, **named)
        body = await self.parse_body(transport_response)
        response = await asyncio.to_thread(cast("Any", response_class).from_dict, body)
        response.transport_response = transport_response
        return response


def failure(code: str | None, message: str) -> AuthError | TransientError:
    """Make the error of a refused request."""
    if code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
        return AuthError("the homeserver no longer accepts this sign-in", "Sign in again: fallback login")
    return TransientError(message)


def check(answer: object) -> None:
    """Go on, unless the answer is a refusal.

    Raises:
        AuthError: the token is no longer accepted.
        TransientError: not now.
    """
    if isinstance(answer, ErrorResponse):
        raise failure(answer.status_code, "the homeserver refused a step of encryption")


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that must not wait, so that nothing else happens within its transaction.

    Raises:
        RuntimeError: it waited.
    """
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a callback of a sync waited: let it put the event in a queue")

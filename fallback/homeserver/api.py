"""One blocking JSON request to the managed homeserver, with the standard library alone."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fallback.errors import TransientError

TIMEOUT = 30.0


def call(
    url: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str = ""
) -> tuple[int, dict[str, Any]]:
    """Ask and give the status and the JSON object of the answer; run it in a thread.

    Args:
        token: sent in the header; it stands in no URL.

    Raises:
        TransientError: nothing answers there.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransientError(f"the homeserver at {url} does not answer") from error
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {}

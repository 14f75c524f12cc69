"""Who has a device with keys, so that encrypted rooms can be read there."""

from collections.abc import Sequence

from fallback.core.ids import UserId
from fallback.matrix.http import MatrixHttp


async def with_keys(http: MatrixHttp, users: Sequence[UserId]) -> frozenset[UserId]:
    """Give those of some users who have a device with keys.

    Raises:
        TransientError: the homeserver can't be reached.
    """
    if not users:
        return frozenset()
    everything: list[str] = []
    body = {"device_keys": dict.fromkeys(users, everything)}
    answer = await http.json("POST", "/_matrix/client/v3/keys/query", body=body)
    return frozenset(user for user in users if answer.get("device_keys", {}).get(user))

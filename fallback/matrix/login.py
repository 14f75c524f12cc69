"""Sign in to a homeserver with a password."""

from fallback.core.ids import UserId
from fallback.matrix.http import MatrixHttp


async def log_in(url: str, user: UserId, password: str, device: str) -> str:
    """Sign in and give the access token.

    Raises:
        AuthError: the homeserver refuses the name or password.
        TransientError: it does not answer.
    """
    http = MatrixHttp(url, "")
    try:
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
            "device_id": device,
            "initial_device_display_name": "fallback",
        }
        return str((await http.json("POST", "/_matrix/client/v3/login", body=body))["access_token"])
    finally:
        await http.close()

"""The appservice registration: what lets us speak for the ghosts."""

import re
from typing import Any

from fallback.homeserver.layout import SENDER

APPSERVICE = "fallback"
"""The registration's id."""


def registration(as_token: str, hs_token: str, server_name: str, *, prefix: str = "wa_") -> dict[str, Any]:
    """Give the registration as Synapse reads it (JSON is YAML).

    Args:
        prefix: what the localpart of every ghost begins with; nobody else may take such a name.
    """
    return {
        "id": APPSERVICE,
        "url": None,  # we read with /sync; nothing is pushed to us
        "as_token": as_token,
        "hs_token": hs_token,
        "sender_localpart": SENDER,
        "rate_limited": False,
        "namespaces": {
            "users": [{"exclusive": True, "regex": f"@{re.escape(prefix)}.*:{re.escape(server_name)}"}],
            "aliases": [],
            "rooms": [],
        },
        "io.element.msc4190": True,  # devices for ghosts: without one a repeated send is not recognised
    }

"""Which addresses a password or a token may be sent to."""

import ipaddress
from urllib.parse import urlsplit

from fallback.errors import UsageError
from fallback.text import sanitise_name


def safe_address(address: str) -> str:
    """Complete and check a homeserver's address.

    Raises:
        UsageError: it is none, holds a user or password, or would send secrets in clear over the network.
    """
    text = address.strip().rstrip("/")
    text = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(
            f"{sanitise_name(address)!r} is no address of a homeserver", "Write it as https://HOST"
        )
    if "@" in parts.netloc:
        raise UsageError("an address with a user or password in it is not used", "Write it as https://HOST")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError(
            f"http://{parts.netloc} would carry the password in clear over the network",
            "Use https, or a tunnel to a port of this machine.",
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

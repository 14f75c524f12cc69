"""Canonical JSON, unpadded base64, and the Ed25519 signatures that Matrix puts on JSON objects."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Json = dict[str, Any]


def b64(data: bytes) -> str:
    """Encode without padding."""
    return base64.b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """Decode, with or without padding.

    Raises:
        ValueError: this is no base64.
    """
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("this is no base64") from error


def canonical(value: object) -> bytes:
    """Write JSON as Matrix signs it: keys sorted by code point, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.encode()


def signable(value: Mapping[str, Any]) -> bytes:
    """Give the bytes of an object that its signatures are over."""
    return canonical({key: part for key, part in value.items() if key not in ("signatures", "unsigned")})


def signed(value: Mapping[str, Any], user: str, key_id: str, signature: str) -> Json:
    """Give a copy with one more signature.

    Args:
        key_id: with its algorithm, as ``ed25519:ABC``.
    """
    signatures = {owner: dict(by) for owner, by in value.get("signatures", {}).items()}
    signatures.setdefault(user, {})[key_id] = signature
    return {**value, "signatures": signatures}


class SigningKey:
    """An Ed25519 key pair that is made from a seed of 32 bytes; the seed is a secret."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
        self.public = b64(self._key.public_key().public_bytes_raw())

    @property
    def seed(self) -> bytes:
        """Give the secret."""
        return self._key.private_bytes_raw()

    def sign(self, value: Mapping[str, Any], user: str) -> Json:
        """Give a copy that ``user`` has signed with this key."""
        return signed(value, user, f"ed25519:{self.public}", b64(self._key.sign(signable(value))))


def is_signed(value: Mapping[str, Any], user: str, key_id: str, public: str) -> bool:
    """Tell whether ``user`` has signed an object with the key ``public``; whatever is malformed is not signed.

    Args:
        key_id: the name of the signature, as ``ed25519:ABC``.
    """
    try:
        signature = unb64(value["signatures"][user][key_id])
        Ed25519PublicKey.from_public_bytes(unb64(public)).verify(signature, signable(value))
    except (InvalidSignature, KeyError, TypeError, ValueError, AttributeError):
        return False
    return True

"""Cross-signing: an account's master, self-signing and user-signing keys, and what they have signed."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

import msgspec

from fallback.errors import AuthError, PermanentError
from fallback.matrix.crypto.canonical import Json, SigningKey, is_signed, signable, signed
from fallback.matrix.http import InteractiveAuthError, MatrixHttp

MASTER, SELF_SIGNING, USER_SIGNING = "master", "self_signing", "user_signing"
USAGES = (MASTER, SELF_SIGNING, USER_SIGNING)


class OwnDevice(Protocol):
    """The device that we are: its Olm account signs."""

    user: str
    device: str
    ed25519: str

    def sign(self, data: bytes) -> str:
        """Sign with the device's key; unpadded base64."""
        ...


class Chain(msgspec.Struct, frozen=True):
    """What an account publishes, after its signatures were checked.

    Args:
        self_signing, user_signing: empty where there is none or the master key has not signed it.
        devices: device id to its keys, each signed by the device itself.
        owned: the devices that the self-signing key has signed.
        master_object: the master key as it is published, with its signatures.
    """

    user: str
    master: str = ""
    self_signing: str = ""
    user_signing: str = ""
    devices: dict[str, Json] = {}
    owned: frozenset[str] = frozenset()
    master_object: Json = {}

    def signed_by(self, user: str, user_signing: str) -> bool:
        """Tell whether somebody's user-signing key has signed the master key: that person verified this one."""
        return is_signed(self.master_object, user, f"ed25519:{user_signing}", user_signing)


def read_chain(answer: Mapping[str, Any], user: str) -> Chain:
    """Check one user's part of an answer to ``/keys/query``; what is not properly signed is left out."""
    whole = _of(answer, "master_keys", user)
    master = _public(whole, user, MASTER)
    links = {
        usage: _link(_of(answer, f"{usage}_keys", user), user, usage, master)
        for usage in (SELF_SIGNING, USER_SIGNING)
    }
    self_signing = links[SELF_SIGNING]
    devices = {
        device: keys
        for device, keys in _of(answer, "device_keys", user).items()
        if isinstance(keys, dict) and _is_device(keys, user, device)
    }
    owned = frozenset(
        device
        for device, keys in devices.items()
        if self_signing and is_signed(keys, user, f"ed25519:{self_signing}", self_signing)
    )
    return Chain(user, master, self_signing, links[USER_SIGNING], devices, owned, whole if master else {})


def _of(answer: Mapping[str, Any], part: str, user: str) -> Json:
    users = answer.get(part)
    value = users.get(user) if isinstance(users, dict) else None
    return value if isinstance(value, dict) else {}


def _public(value: Json, user: str, usage: str) -> str:
    keys, usages = value.get("keys"), value.get("usage")
    if value.get("user_id") != user or not isinstance(usages, list) or usage not in usages:
        return ""
    if not isinstance(keys, dict) or len(keys) != 1:
        return ""
    name, public = next(iter(keys.items()))
    return public if isinstance(public, str) and name == f"ed25519:{public}" else ""


def _link(value: Json, user: str, usage: str, master: str) -> str:
    public = _public(value, user, usage)
    return public if public and master and is_signed(value, user, f"ed25519:{master}", master) else ""


def _is_device(keys: Json, user: str, device: str) -> bool:
    own = keys.get("keys")
    public = own.get(f"ed25519:{device}") if isinstance(own, dict) else None
    named = keys.get("user_id") == user and keys.get("device_id") == device
    return named and isinstance(public, str) and is_signed(keys, user, f"ed25519:{device}", public)


class CrossSigningKeys:
    """The three key pairs; all of it secret but ``public``."""

    def __init__(self, seeds: Mapping[str, bytes] | None = None) -> None:
        seeds = seeds or {}
        self.keys = {usage: SigningKey(seeds.get(usage)) for usage in USAGES}

    @classmethod
    def matching(cls, seeds: Mapping[str, bytes], chain: Chain) -> Self:
        """Take seeds from secret storage or another device, if they are those of the published keys.

        Raises:
            AuthError: they are not, or one is missing.
        """
        if set(seeds) != set(USAGES) or any(len(seed) != 32 for seed in seeds.values()):
            raise AuthError("the account's secrets are incomplete", "Verify from a device that has them all.")
        keys = cls(seeds)
        published = {MASTER: chain.master, SELF_SIGNING: chain.self_signing, USER_SIGNING: chain.user_signing}
        for usage, public in published.items():
            if keys.public(usage) != public:
                raise AuthError(
                    f"the account's {usage.replace('_', '-')} secret is not that of the published key",
                    "The identity was reset elsewhere: use the newest recovery key.",
                )
        return keys

    def public(self, usage: str) -> str:
        """Give one public key."""
        return self.keys[usage].public

    @property
    def seeds(self) -> dict[str, bytes]:
        """Give the secrets."""
        return {usage: key.seed for usage, key in self.keys.items()}

    def upload_body(self, device: OwnDevice) -> Json:
        """Write the body that publishes the keys: the device vouches for the master key, that for the others."""
        made = {usage: self._object(device.user, usage) for usage in USAGES}
        master = made[MASTER]
        own = signed(master, device.user, f"ed25519:{device.device}", device.sign(signable(master)))
        by_master = {
            f"{usage}_key": self.keys[MASTER].sign(made[usage], device.user)
            for usage in (SELF_SIGNING, USER_SIGNING)
        }
        return {"master_key": own, **by_master}

    def _object(self, user: str, usage: str) -> Json:
        public = self.public(usage)
        return {"user_id": user, "usage": [usage], "keys": {f"ed25519:{public}": public}}


class Identity:
    """The account's cross-signing on its homeserver."""

    def __init__(self, http: MatrixHttp, device: OwnDevice) -> None:
        self._http = http
        self._device = device

    async def chain(self, user: str = "") -> Chain:
        """Ask for what a user publishes (by default we ourselves), checked."""
        user = user or self._device.user
        answer = await self._http.json(
            "POST", "/_matrix/client/v3/keys/query", body={"device_keys": {user: []}}
        )
        return read_chain(answer, user)

    async def refuse_reset(self) -> None:
        """Stop where the account has an identity.

        Raises:
            PermanentError: it has.
        """
        if (await self.chain()).master:
            raise PermanentError(
                "this account has an identity already", "Use its recovery key, or verify from another device."
            )

    async def publish(self, keys: CrossSigningKeys, password: str = "", *, replace: bool = False) -> None:
        """Publish new keys; an identity that exists is only replaced when told to.

        Args:
            password: for homeservers that ask for it again.

        Raises:
            PermanentError: there is an identity already.
            AuthError: the homeserver wants a password and this is not it.
        """
        if not replace:
            await self.refuse_reset()
        path = "/_matrix/client/v3/keys/device_signing/upload"
        body = keys.upload_body(self._device)
        try:
            await self._http.json("POST", path, body=body)
        except InteractiveAuthError as challenge:
            if not password or ["m.login.password"] not in challenge.flows:
                raise
            user = {"type": "m.id.user", "user": self._device.user}
            proof = {"type": "m.login.password", "identifier": user, "password": password}
            await self._http.json(
                "POST", path, body={**body, "auth": {**proof, "session": challenge.session}}
            )

    async def sign_device(self, keys: CrossSigningKeys, device: str = "") -> None:
        """Sign one of our devices, by default this one, with the self-signing key.

        Raises:
            PermanentError: the server shows another key for this device than we have, or refuses the signature.
        """
        user, device = self._device.user, device or self._device.device
        value = (await self.chain()).devices.get(device)
        if value is None:
            raise PermanentError(
                "the homeserver shows no valid keys for this device", "Sync once, then retry."
            )
        if device == self._device.device and value["keys"][f"ed25519:{device}"] != self._device.ed25519:
            raise PermanentError(
                "the homeserver shows a foreign key for our own device", "Don't trust this homeserver."
            )
        await self._upload(user, device, keys.keys[SELF_SIGNING].sign(_bare(value), user))

    async def sign_user(self, keys: CrossSigningKeys, user: str, master: str) -> None:
        """Sign another person's master key, which was compared by emoji.

        Raises:
            PermanentError: the homeserver shows another master key for them now.
        """
        chain = await self.chain(user)
        if not master or chain.master != master:
            raise PermanentError("the other side's identity has changed meanwhile", "Verify them again.")
        value = keys.keys[USER_SIGNING].sign(_bare(chain.master_object), self._device.user)
        await self._upload(user, master, value)

    async def _upload(self, user: str, name: str, value: Json) -> None:
        answer = await self._http.json(
            "POST", "/_matrix/client/v3/keys/signatures/upload", body={user: {name: value}}
        )
        if answer.get("failures"):
            raise PermanentError("the homeserver refused the signature")


def _bare(value: Json) -> Json:
    return {key: part for key, part in value.items() if key != "unsigned"}

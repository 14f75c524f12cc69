"""Signing in: a first identity with its recovery key, or the identity that the account has already."""

import msgspec

from fallback.errors import AuthError
from fallback.matrix.crypto.backup import Backup, BackupKey, create_backup, open_backup
from fallback.matrix.crypto.identity import (
    MASTER,
    SELF_SIGNING,
    USER_SIGNING,
    CrossSigningKeys,
    Identity,
    OwnDevice,
)
from fallback.matrix.crypto.ssss import SecretStorage, encode_recovery_key
from fallback.matrix.http import MatrixHttp

SECRETS = {
    MASTER: "m.cross_signing.master",
    SELF_SIGNING: "m.cross_signing.self_signing",
    USER_SIGNING: "m.cross_signing.user_signing",
}
"""A key's usage and the name of its secret."""
BACKUP_SECRET = "m.megolm_backup.v1"  # noqa: S105 - its name


class SignedIn(msgspec.Struct, frozen=True):
    """What this device holds of the account.

    Args:
        backup: ``None`` where the account has no backup.
        recovery_key: to be shown once; only after ``first_sign_in``.
    """

    keys: CrossSigningKeys
    backup: Backup | None
    recovery_key: str = ""


async def first_sign_in(http: MatrixHttp, device: OwnDevice, password: str = "") -> SignedIn:
    """Make the account's identity, sign this device, lock the secrets away, and start the key backup.

    The secrets are stored before the identity is published: a crash in between leaves an account
    without an identity, where this can simply be done again.

    Raises:
        PermanentError: the account has an identity already; nothing was changed.
        AuthError: the homeserver wants the password again.
    """
    identity = Identity(http, device)
    await identity.refuse_reset()
    keys = CrossSigningKeys()
    backup = await create_backup(http, keys, device)
    storage = SecretStorage(http, device.user)
    secrets = {SECRETS[usage]: seed for usage, seed in keys.seeds.items()}
    key = await storage.create({**secrets, BACKUP_SECRET: backup.key.key})
    await identity.publish(keys, password)
    await identity.sign_device(keys)
    await storage.put("m.key_backup", {"enabled": True})
    return SignedIn(keys, backup, encode_recovery_key(key.key))


async def sign_in_with(http: MatrixHttp, device: OwnDevice, recovery: str) -> SignedIn:
    """Take the account's identity out of secret storage, and sign this device with it.

    Args:
        recovery: recovery key or passphrase, as a person types it.

    Raises:
        AuthError: it is wrong, or the secrets are not those of the published keys.
        PermanentError: the account has no secret storage.
    """
    storage = SecretStorage(http, device.user)
    key = await storage.unlock(recovery)
    seeds = {}
    for usage, name in SECRETS.items():
        seed = await storage.read(key, name)
        if seed is None:
            raise AuthError(f"secret storage lacks {name}", "Verify from a device that has it.")
        seeds[usage] = seed
    identity = Identity(http, device)
    keys = CrossSigningKeys.matching(seeds, await identity.chain())
    await identity.sign_device(keys)
    secret = await storage.read(key, BACKUP_SECRET)
    backup = await open_backup(http, BackupKey(secret)) if secret else None
    return SignedIn(keys, backup)

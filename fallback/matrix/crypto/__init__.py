"""The trust that nio lacks: identities, secret storage, key backup, verification, and a client that loses no key.

Wired by ``fallback.matrix.client`` and ``fallback.matrix.keys``.  How the pieces go together::

    client = SafeClient(url, user, new_device_id(), token, folder=folder, key=root_key)    # client, device
    await client.receive(30_000)                        # one sync and all that it asks for; raise nothing in callbacks
    await client.room_send(room, "m.room.message", content, tx_id=delivery)       # encrypted where the room ever was
    client.verdict(event)                               # Verdict: ok, unsigned, unknown, imported, mismatched

    signed_in = await first_sign_in(client.http, client.own, password)            # setup; recovery_key is shown once
    signed_in = await sign_in_with(client.http, client.own, "EsTc LW2K …")        # or: the identity that there is
    client.trust.hold(signed_in.keys.public("master"), signed_in.keys.public("user_signing"))
    client.take((await signed_in.backup.restore()).keys)                          # backup
    await client.back_up(signed_in.backup)                                        # incremental; after each batch

    verifier = Verifier(client, signed_in.keys)         # verification; flow.emoji, confirm, cancel; step after a sync
    gossip = Gossip(client); await gossip.ask()         # secrets from another device of ours, after verification
    await share_history(client, room, user)             # bundle; before the invitation
    inbox = BundleInbox(client); await inbox.accept(room, inviter)                # after having joined
    read_key_file(text, passphrase); write_key_file(client.room_keys(), passphrase)    # keyfile

``canonical`` JSON and signatures; ``identity`` cross-signing keys and the chains of others; ``ssss`` secret storage;
``roomkeys`` a room key as data; ``trust`` pins, owners' signatures, senders; ``store`` nio's tables and ours in one
SQLCipher file with one owner; ``olm`` nio's machine with the gaps closed; ``device`` this device as what signs;
``sas`` one verification as a state machine; ``waiting`` messages without a key, ``requests`` and ``forwarding`` their keys
from our other devices.

What a person decides: ``IdentityChangedError`` blocks a room until ``client.accept_identity``.
What must never happen: an identity replaced by itself, a message shown as somebody's whose session it is not,
plaintext in a room that was ever encrypted.
"""

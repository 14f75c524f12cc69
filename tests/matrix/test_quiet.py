"""What nio would log of messages is not logged."""

import logging

from nio import Event

import fallback.matrix  # noqa: F401 - what it does when it is imported


def test_an_event_that_nio_finds_wrong_is_not_printed_with_its_keys(caplog):
    caplog.set_level(logging.DEBUG)
    content = {"body": "x", "file": {"url": "mxc://s/a", "key": {"k": "secret"}}}
    event = {
        "type": "m.sticker",
        "event_id": "$e",
        "sender": "@a:s",
        "origin_server_ts": 1,
        "content": content,
    }
    Event.parse_decrypted_event(event)
    assert not caplog.records

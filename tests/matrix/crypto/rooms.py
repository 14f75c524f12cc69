"""Steps that the live tests share."""

import asyncio

TEXT = "m.room.message"


async def encrypted_room(client, *invited):
    """Make an encrypted room; who comes later may read what was said."""
    body = {
        "preset": "private_chat",
        "invite": list(invited),
        "initial_state": [
            {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
            {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}},
        ],
    }
    answer = await client.http.json("POST", "/_matrix/client/v3/createRoom", body=body)
    await client.receive()
    return answer["room_id"]


async def say(client, room, text):
    answer = await client.room_send(room, TEXT, {"msgtype": "m.text", "body": text})
    return answer.event_id


async def event_of(client, room, event):
    """Receive until the event is there."""
    async with asyncio.timeout(30):
        while True:
            response = await client.receive(5000)
            found = response.rooms.join.get(room)
            for seen in found.timeline.events if found else ():
                if seen.event_id == event:
                    return seen


async def sync(side):
    """Sync a side of the port once, without waiting for anything to come."""
    batches = side.batches(side.client.next_batch)
    batch = await anext(batches)
    await batches.aclose()
    return batch


async def settle(*sides):
    """Sync sides of the port in turn until nothing comes any more; gives all that came, by side."""
    came, before, after = {side: [] for side in sides}, None, []
    while before != after:
        before = [side.client.next_batch for side in sides]
        for side in sides:
            came[side] += (await sync(side)).events
        after = [side.client.next_batch for side in sides]
    return came

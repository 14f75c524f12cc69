"""A network whose phones live in another process than the relay: the loopback network behind a Unix socket.

Run as a program it is the relay's side: ``python -m tests.relay.wire SOCKET`` runs the whole relay of the default
profile on it.  The protocol is one line of JSON each way; what the relay does not acknowledge comes again.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec

from fallback.core.events import decode, encode
from fallback.core.ids import SourceId
from fallback.core.ports import Capabilities, ConnectorState
from fallback.errors import PermanentError, TransientError
from fallback.networks.loopback import LoopbackConnector
from fallback.paths import Profile
from fallback.relay.running import opened
from fallback.relay.service import stop_signals, until

LIMIT = 2**20


class Event(msgspec.Struct, tag=True):
    """Shows an event to the relay, or says one on the phones; numbered to be answered."""

    number: int
    event: msgspec.Raw
    message_id: str = ""


class Done(msgspec.Struct, tag=True):
    """Answers an event; ``refusal`` says why it was not taken."""

    number: int
    refusal: str = ""


Line = Event | Done


def line(what):
    return msgspec.json.encode(what) + b"\n"


class Exchange:
    """The network's side: serves one relay at a time."""

    def __init__(self, network):
        self.connector = LoopbackConnector(network)
        self.network = network

    @contextlib.asynccontextmanager
    async def serving(self, path):
        server = await asyncio.start_unix_server(self._serve, path, limit=LIMIT)
        async with server:
            yield

    async def _serve(self, reader, writer):
        try:
            async with asyncio.TaskGroup() as group:
                acks = asyncio.Queue()
                shows = group.create_task(self._show(writer, acks))
                async for text in reader:
                    match msgspec.json.decode(text, type=Line):
                        case Done(number):
                            acks.put_nowait(number)
                        case Event(number, event, message_id):
                            writer.write(line(await self._take(number, event, message_id)))
                shows.cancel()
        except* OSError:
            pass
        finally:
            writer.close()

    async def _show(self, writer, acks):
        number = 0
        while True:
            while not self.connector.queue:
                self.connector.bell.clear()
                await self.connector.bell.wait()
            number += 1
            head = self.connector.queue[0]
            writer.write(line(Event(number, msgspec.Raw(encode(head)))))
            while await acks.get() != number:
                pass
            self.connector.queue.popleft()

    async def _take(self, number, event, message_id):
        try:
            await self.connector.send(decode(bytes(event)), message_id=SourceId(message_id))
        except (TransientError, PermanentError) as error:
            return Done(number, error.message)
        return Done(number)


class Taken(msgspec.Struct):
    """An event that came over the wire."""

    event: object
    number: int
    writer: object

    async def ack(self):
        self.writer.write(line(Done(self.number)))


class WireConnector:
    """The relay's side; implements ``core.ports.Connector``."""

    name = "wire"

    def __init__(self, path):
        self.path = path
        self.capabilities = Capabilities(fixed_ids=True, edit_within=900, revoke_within=900)
        self.state = ConnectorState.CONNECTING
        self._answers, self._number = {}, 0
        self._events = asyncio.Queue()
        self._reading = None

    async def start(self):
        self._reader, self._writer = await asyncio.open_unix_connection(self.path, limit=LIMIT)
        self._reading = asyncio.ensure_future(self._read())
        self.state = ConnectorState.CONNECTED

    async def close(self):
        self._reading.cancel()
        self._writer.close()

    async def _read(self):
        async for text in self._reader:
            match msgspec.json.decode(text, type=Line):
                case Event(number, event):
                    self._events.put_nowait(Taken(decode(bytes(event)), number, self._writer))
                case Done(number, refusal):
                    self._answers.pop(number).set_result(refusal)

    async def events(self):
        while True:
            yield await self._events.get()

    async def send(self, event, *, message_id):
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(line(Event(self._number, msgspec.Raw(encode(event)), message_id)))
        refusal = await answer
        if refusal:
            raise TransientError(refusal)
        return message_id

    async def group(self, chat):
        raise PermanentError("the wire tells nothing of groups")

    async def download(self, event, source):
        raise PermanentError("the wire carries no files")


async def main(path):
    with stop_signals() as stop:
        async with opened(Profile("default"), WireConnector(path)) as running:
            await until(stop, running.run())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""Files of one's own messages: kept here until they are sent, brought to the homeserver once, fetched back."""

import secrets

import msgspec
from msgspec.structs import replace

from fallback.core.events import Attachment
from fallback.core.ids import RoomId
from fallback.core.media import LOCAL, Media, local_name
from fallback.core.ports import Homeserver, Store


class Files:
    """The files of an account.

    Where a kept file went is a fact of the store, written before the message that carries it is sent: a retry
    after a crash sends the same address.
    """

    def __init__(self, store: Store, media: Media) -> None:
        self.store = store
        self.media = media

    async def keep(self, file: Attachment, data: bytes) -> Attachment:
        """Keep a file that is to be sent; gives it back with its place here."""
        name = secrets.token_hex(16)
        await self.media.keep(name, data)
        return replace(file, source=f"{LOCAL}{name}", size=len(data))

    async def upload(self, homeserver: Homeserver, room: RoomId, file: Attachment) -> Attachment:
        """Give a file as the room has it, uploaded now if it has not been before.

        Raises:
            TransientError, PermanentError: as in ``Homeserver.upload``; the file is gone from here.
        """
        name = local_name(file)
        if not name:
            return file
        sent = await self._sent(name)
        if sent is None:
            sent = await homeserver.upload(room, file, await self.media.fetch(name))
            await self.store.put(_fact(name), msgspec.json.encode(sent).decode())
        return sent

    async def download(self, homeserver: Homeserver, file: Attachment) -> bytes:
        """Fetch a file's plain bytes, from here where they are here.

        Raises:
            TransientError, PermanentError: as in ``Homeserver.download``; the file is gone.
        """
        name = local_name(file)
        sent = await self._sent(name) if name else file
        return await (self.media.fetch(name) if sent is None else homeserver.download(sent))

    async def forget(self, file: Attachment) -> None:
        """Remove what is kept here of a file that is sent or given up."""
        if name := local_name(file):
            await self.media.forget(name)

    async def _sent(self, name: str) -> Attachment | None:
        kept = await self.store.get(_fact(name))
        return None if kept is None else msgspec.json.decode(kept, type=Attachment)


def _fact(name: str) -> str:
    return f"file.{name}"

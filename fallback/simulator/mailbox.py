"""Where alerts arrive: an SMTP server and an HTTP receiver on loopback, which keep what they get."""

import asyncio
import base64
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from fallback.simulator.endpoints import LOOPBACK, Endpoint, Page, Request, read_request, write_page


class Mailbox:
    """An SMTP server.

    Args:
        context: for TLS; without it STARTTLS is not offered.
        implicit: TLS from the first byte.
        login: ``user:password`` that it wants.

    Attributes:
        letters: what came.
        refuse: the answer to every recipient instead of a welcome, e.g. ``550 no``.
    """

    def __init__(
        self, context: ssl.SSLContext | None = None, *, implicit: bool = False, login: str = ""
    ) -> None:
        self.letters: list[EmailMessage] = []
        self.refuse = ""
        self._context = context
        self._login = login
        self._implicit = implicit
        self._endpoint = Endpoint(self._serve)
        self._endpoint.context = context if implicit else None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._endpoint.port

    async def __aenter__(self) -> Self:
        await self._endpoint.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._endpoint.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 simulator\r\n")
        encrypted, known = self._implicit, not self._login
        while line := (await reader.readline()).decode().strip():
            word = line.upper().split(" ")[0]
            answer = "250 OK"
            match word:
                case "EHLO":
                    offers = ["STARTTLS"] if self._context and not encrypted else ["AUTH PLAIN"]
                    answer = "\r\n".join(["250-simulator", *(f"250 {offer}" for offer in offers)])
                case "STARTTLS":
                    writer.write(b"220 go\r\n")
                    if self._context is not None:
                        await writer.start_tls(self._context)
                    encrypted = True
                    continue
                case "AUTH":
                    given = base64.b64decode(line.split(" ")[2]).split(b"\0")[1:]
                    known = b":".join(given).decode() == self._login
                    answer = "235 welcome" if known else "535 no"
                case "RCPT":
                    answer = self.refuse or ("250 OK" if known else "530 who are you")
                case "DATA":
                    writer.write(b"354 go\r\n")
                    await self._take(reader)
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    return
                case _:
                    pass
            writer.write(f"{answer}\r\n".encode())

    async def _take(self, reader: asyncio.StreamReader) -> None:
        data = await reader.readuntil(b"\r\n.\r\n")
        body = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        letter = message_from_bytes(body, policy=policy.default)
        self.letters.append(letter)


class Receiver:
    """An HTTP server that takes every POST, as ntfy and webhooks do.

    Attributes:
        requests: what came.
        status: what it answers.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self._endpoint = Endpoint(self._serve)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._endpoint.port}/"

    async def __aenter__(self) -> Self:
        await self._endpoint.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._endpoint.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await read_request(reader))
        headers = (("Location", "http://192.0.2.1/"),) if self.status == 302 else ()
        await write_page(writer, Page(self.status, b"{}", headers=headers))

"""Meta's hosts on loopback: DNS, a TLS edge, the chat WebSocket, the Graph, the status page and controls, with faults."""

import asyncio
import base64
import datetime as dt
import hashlib
import ipaddress
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Self, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK = "127.0.0.1"
ADDRESS = "157.240.0.60"
"""What the resolver answers: an address of WhatsApp's network."""
METAS = (b"\x08whatsapp", b"\x08facebook", b"metastatus")
"""Labels of the names that a fault of the DNS is about."""
LIE = "10.10.34.35"
"""What a resolver that lies answers."""
_UPGRADE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PORTAL = b"<html><title>Log in to this network</title></html>"
_JSON = "application/json"


class Fault(StrEnum):
    """What an endpoint does wrong."""

    REFUSE = "refuse"
    HANG = "hang"
    RESET = "reset"
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"
    BOGUS = "bogus"
    TRUNCATE = "truncate"
    UNAVAILABLE = "503"
    CAPTIVE = "captive"
    REDIRECT = "redirect"


class Request(msgspec.Struct, frozen=True):
    """The head of an HTTP request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Page(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    kind: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Endpoint:
    """One server on a port of loopback; the port stays its own while it refuses.

    Attributes:
        fault: what it does wrong now; set it with ``fail``.
        seen: how many connections and datagrams came.
    """

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        self.fault: Fault | None = None
        self.seen = 0
        self.port = 0
        self.context: ssl.SSLContext | None = None
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        context = None if self.fault in (Fault.HANG, Fault.RESET) else self.context
        self._server = await asyncio.start_server(
            self._accept, LOOPBACK, self.port, ssl=context, ssl_handshake_timeout=5 if context else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop to listen and drop who is connected."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            self._server = None
            await asyncio.sleep(0)

    async def fail(self, fault: Fault | None) -> None:
        """Begin a fault, or end it with ``None``."""
        await self.close()
        self.fault = fault
        if fault is not Fault.REFUSE:
            await self.start()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += 1
        self._open.add(writer)
        try:
            match self.fault:
                case Fault.HANG:
                    await reader.read()
                case Fault.RESET:
                    await reader.read(1)
                    reset(writer)
                case _:
                    await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()


class Endpoints:
    """All of them.

    Args:
        folder: where the certificate authority's file goes.
    """

    def __init__(self, folder: Path) -> None:
        self.cafile = folder / "simulator-ca.pem"
        self._folder = folder
        self.dns = Endpoint(self._dns)
        self.edge = Endpoint(_silence)
        self.chat = Endpoint(self._http(self._chat))
        self.graph = Endpoint(self._http(_graph))
        self.status = Endpoint(self._http(self._status))
        self.control = Endpoint(self._http(lambda _: Page(204)))
        self.homeserver = Endpoint(self._http(lambda _: Page(200, b'{"versions":["v1.12"]}')))
        self.all = (self.dns, self.edge, self.chat, self.graph, self.status, self.control, self.homeserver)
        self.disruption = "No known issues"
        self._datagrams: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        """Open all ports."""
        self.edge.context = certificate(self._folder, self.cafile, "web.whatsapp.com", "g.whatsapp.net")
        for endpoint in self.all:
            await endpoint.start()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self.dns), local_addr=(LOOPBACK, self.dns.port)
        )
        self._datagrams = transport
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all ports."""
        if self._datagrams is not None:
            self._datagrams.close()
        for endpoint in self.all:
            await endpoint.close()

    def url(self, endpoint: Endpoint, path: str = "/", *, scheme: str = "http") -> str:
        """Give an address at an endpoint."""
        return f"{scheme}://{LOOPBACK}:{endpoint.port}{path}"

    async def _dns(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(2)
        if head == b"PO":
            await self._doh(head, reader, writer)
            return
        (length,) = struct.unpack("!H", head)
        answer = answered(await reader.readexactly(length), self.dns.fault, over_udp=False)
        writer.write(struct.pack("!H", len(answer)) + answer)
        await writer.drain()

    async def _doh(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader, head)
        if self.dns.fault is Fault.UNAVAILABLE:
            await write_page(writer, Page(503))
            return
        answer = answered(request.body, self.dns.fault, over_udp=False)
        await write_page(writer, Page(200, answer, "application/dns-message"))

    def _http(
        self, page: Callable[[Request], Page]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await read_request(reader)
            fault = next(
                (one.fault for one in self.all if one.port == writer.get_extra_info("sockname")[1]), None
            )
            answer = _faulty(fault) or page(request)
            await write_page(writer, answer)
            if answer.status == 101:
                await reader.read()

        return serve

    def _chat(self, request: Request) -> Page:
        key = request.headers.get("sec-websocket-key", "")
        if request.headers.get("upgrade", "").lower() != "websocket" or not key:
            return Page(400)
        accept = base64.b64encode(
            hashlib.sha1(f"{key}{_UPGRADE}".encode(), usedforsecurity=False).digest()
        ).decode()
        return Page(
            101,
            headers=(("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)),
        )

    def _status(self, _request: Request) -> Page:
        service = {"id": "1", "name": "Cloud API", "status": self.disruption, "time": "2026-01-01T00:00:00Z"}
        organisations = [
            {"id": "whatsapp-business-api", "name": "WhatsApp Business API", "services": [service]}
        ]
        return Page(200, msgspec.json.encode(organisations))


class _Datagrams(asyncio.DatagramProtocol):
    """The resolver over UDP; it shares the endpoint's fault."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.endpoint.seen += 1
        if self.transport is None or self.endpoint.fault in (Fault.HANG, Fault.REFUSE, Fault.RESET):
            return
        self.transport.sendto(answered(data, self.endpoint.fault, over_udp=True), addr)


def answered(asked: bytes, fault: Fault | None, *, over_udp: bool) -> bytes:
    """Answer a DNS query, rightly or by a fault; other people's names are always answered rightly."""
    fault = fault if any(name in asked.lower() for name in METAS) else None
    code = {Fault.SERVFAIL: 2, Fault.NXDOMAIN: 3}.get(fault, 0) if fault else 0
    cut = fault is Fault.TRUNCATE and over_udp
    address = ipaddress.IPv4Address(LIE if fault is Fault.BOGUS else ADDRESS).packed
    record = b"" if code or cut else struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + address
    flags = 0x8180 | code | (0x0200 if cut else 0)
    return asked[:2] + struct.pack("!5H", flags, 1, 1 if record else 0, 0, 0) + asked[12:] + record


async def read_request(reader: asyncio.StreamReader, head: bytes = b"") -> Request:
    """Read one HTTP request."""
    lines = (head + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if name
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def write_page(writer: asyncio.StreamWriter, page: Page) -> None:
    """Write one HTTP answer."""
    headers = list(page.headers)
    if page.status not in (101, 204):
        headers += [("Content-Type", page.kind), ("Content-Length", str(len(page.body)))]
    if page.status != 101:
        headers.append(("Connection", "close"))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(f"HTTP/1.1 {page.status} -\r\n{head}\r\n".encode() + page.body)
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def certificate(folder: Path, cafile: Path, *hosts: str) -> ssl.SSLContext:
    """Make a certificate for hosts and give the server's side of TLS; ``cafile`` is what a client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fallback simulator")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cafile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "simulator-key.pem"
    secret.touch(0o600)
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cafile, secret)
    return context


def _faulty(fault: Fault | None) -> Page | None:
    match fault:
        case Fault.UNAVAILABLE:
            return Page(503, b'{"error":{"message":"Service temporarily unavailable","code":2}}')
        case Fault.CAPTIVE:
            return Page(200, _PORTAL, "text/html")
        case Fault.REDIRECT:
            return Page(302, headers=(("Location", "http://192.0.2.1/login"),))
        case _:
            return None


def _graph(_request: Request) -> Page:
    error = {"message": "Unsupported get request.", "type": "GraphMethodException", "code": 100}
    return Page(400, msgspec.json.encode({"error": error}))


async def _silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()

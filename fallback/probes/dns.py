"""Does a resolver know WhatsApp's names: a minimal A query over UDP, TCP or HTTPS."""

import asyncio
import ipaddress
import secrets
import struct
from collections.abc import Sequence
from typing import cast

import aiohttp

from fallback.core.events import Frozen
from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look
from fallback.probes.settings import Resolver, system_resolver

_HEADER = struct.Struct("!6H")
_RCODES = {2: "servfail", 3: "nxdomain", 5: "refused"}
_UDP_SHARE = 0.5
_MIME = "application/dns-message"


class Answer(Frozen, frozen=True):
    """What a resolver said: a word, and the addresses if it is ``ok``."""

    outcome: str
    addresses: tuple[str, ...] = ()
    truncated: bool = False


def query(name: str, identity: int) -> bytes:
    """Make a query for the A record of a name."""
    labels = b"".join(bytes([len(label)]) + label for label in name.encode("idna").split(b"."))
    return _HEADER.pack(identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def parse(packet: bytes, asked: bytes) -> Answer:
    """Read an answer to ``asked``.

    Raises:
        ValueError: it is none.
    """
    if (
        len(packet) < len(asked)
        or packet[:2] != asked[:2]
        or packet[12 : len(asked)].lower() != asked[12:].lower()
    ):
        raise ValueError("not an answer to this query")
    _, flags, _, answers, _, _ = _HEADER.unpack_from(packet)
    if not flags & 0x8000:
        raise ValueError("not an answer")
    if flags & 0x0200:
        return Answer("ok", truncated=True)
    if flags & 0x000F:
        return Answer(_RCODES.get(flags & 0x000F, "servfail"))
    addresses, at = [], len(asked)
    for _ in range(answers):
        at = _skip_name(packet, at)
        kind, _, _, length = struct.unpack_from("!2HIH", packet, at)
        at += 10
        if kind == 1 and length == 4 and at + 4 <= len(packet):
            addresses.append(str(ipaddress.IPv4Address(packet[at : at + 4])))
        at += length
    return Answer("ok", tuple(addresses))


def judge(answer: Answer, prefixes: Sequence[str] = ()) -> str:
    """Tell a true answer from a lie: no address, one that is not public, or one outside the known networks."""
    if answer.outcome != "ok":
        return answer.outcome
    nets = [ipaddress.ip_network(prefix) for prefix in prefixes]
    addresses = [ipaddress.ip_address(address) for address in answer.addresses]
    honest = [one for one in addresses if one.is_global and (not nets or any(one in net for net in nets))]
    return "ok" if honest else "bogus"


async def ask(resolver: Resolver, name: str, deadline: float, session: aiohttp.ClientSession) -> Answer:
    """Ask a resolver, by UDP and then TCP, or by HTTPS.

    Raises:
        OSError, TimeoutError, aiohttp.ClientError: it did not answer.
        ValueError: it answered nonsense.
    """
    if resolver.url:
        return await _ask_https(resolver.url, query(name, 0), session)
    address = resolver.address or system_resolver()
    if not address:
        return Answer("unreachable")
    asked = query(name, secrets.randbelow(65_536))
    try:
        async with asyncio.timeout(deadline * _UDP_SHARE):
            answer = await _ask_udp(address, resolver.port, asked)
    except (TimeoutError, ConnectionRefusedError):
        return await _ask_tcp(address, resolver.port, asked)
    return await _ask_tcp(address, resolver.port, asked) if answer.truncated else answer


async def resolve(
    resolvers: Sequence[Resolver],
    name: str,
    deadline: float,
    session: aiohttp.ClientSession,
) -> str:
    """Give an address from the first resolver that answers; empty if none does."""
    for resolver in resolvers:
        try:
            async with asyncio.timeout(deadline):
                answer = await ask(resolver, name, deadline, session)
        except (OSError, EOFError, TimeoutError, aiohttp.ClientError, ValueError, struct.error):
            continue
        if answer.addresses:
            return answer.addresses[0]
    return ""


class DnsProbe:
    """One name at one resolver.

    Args:
        name: the probe's name.
        control: an unrelated name is asked for: any address is fine.
    """

    def __init__(
        self,
        name: str,
        resolver: Resolver,
        host: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        interval: float = 30.0,
        timeout: float = 10.0,
        prefixes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.interval = interval
        self._resolver = resolver
        self._host = host
        self._clock = clock
        self._session = session
        self._timeout = timeout
        self._prefixes = prefixes

    async def sample(self) -> Sample:
        """Ask once."""
        return await look(self._clock, self.name, self._timeout, self._ask)

    async def _ask(self) -> str:
        try:
            answer = await ask(self._resolver, self._host, self._timeout, self._session)
        except (ValueError, struct.error):
            return "bogus"
        return judge(answer, self._prefixes)


class _Query(asyncio.DatagramProtocol):
    """Sends a query and keeps the first answer to it; strays are passed over."""

    def __init__(self, asked: bytes, answer: asyncio.Future[Answer]) -> None:
        self.asked = asked
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.DatagramTransport", transport).sendto(self.asked)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        try:
            answer = parse(data, self.asked)
        except (ValueError, struct.error):
            return
        if not self.answer.done():
            self.answer.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_udp(address: str, port: int, asked: bytes) -> Answer:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[Answer] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Query(asked, waiting), remote_addr=(address, port)
    )
    try:
        return await waiting
    finally:
        transport.close()


async def _ask_tcp(address: str, port: int, asked: bytes) -> Answer:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(struct.pack("!H", len(asked)) + asked)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return parse(await reader.readexactly(length), asked)
    finally:
        writer.close()


async def _ask_https(url: str, asked: bytes, session: aiohttp.ClientSession) -> Answer:
    headers = {"Content-Type": _MIME, "Accept": _MIME}
    async with session.post(url, data=asked, headers=headers, allow_redirects=False) as response:
        if response.status != 200:
            return Answer("redirect" if 300 <= response.status < 400 else f"http_{response.status}")
        return parse(await response.content.read(65_536), asked)


def _skip_name(packet: bytes, at: int) -> int:
    while packet[at : at + 1] not in (b"\0", b""):
        if packet[at] & 0xC0 == 0xC0:
            return at + 2
        at += 1 + packet[at]
    return at + 1

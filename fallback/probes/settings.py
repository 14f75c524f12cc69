"""Where the probes look: hosts, resolvers and controls, all replaceable."""

from pathlib import Path

from fallback.core.events import Frozen

POLITE = 30.0
"""Seconds between two looks at somebody else's host, at least."""


class Resolver(Frozen, frozen=True):
    """A DNS resolver.

    Args:
        name: ``sys`` for the machine's own, else short (``cf``).
        url: of its DNS-over-HTTPS endpoint; empty for plain DNS.
    """

    name: str
    address: str = ""
    port: int = 53
    url: str = ""

    @property
    def label(self) -> str:
        """The probe's name for it."""
        return f"{'doh' if self.url else 'dns'}.{self.name}"


class Edge(Frozen, frozen=True):
    """A host whose transport is tried.

    Args:
        name: the probe's name.
        ports: tried in order until one answers.
        must_speak_tls: a server that answers without TLS is no server; phones' edges speak their own protocol too.
        address: connects there instead of asking the resolvers.
    """

    name: str
    host: str
    ports: tuple[int, ...] = (443,)
    must_speak_tls: bool = True
    address: str = ""


class Settings(Frozen, frozen=True):
    """All of it; the defaults are the real hosts.

    Args:
        names: WhatsApp's names, one for each resolver in turn.
        control_name: what every resolver knows.
        chat: WebSocket of linked devices.
        controls: unrelated pages; one that ends in ``generate_204`` must give an empty 204.
        homeserver: base URL; empty for none.
        peers, peers_token: base URLs of other relays' pages, and what they want to be shown.
        prefixes: networks that WhatsApp's addresses are in; empty for any public address.
        interval, slow: seconds between looks at transports and at pages.
        timeout: seconds for one look.
        cafile: certificates to trust instead of the system's.
    """

    resolvers: tuple[Resolver, ...] = (
        Resolver("sys"),
        Resolver("cf", "1.1.1.1"),
        Resolver("gg", "8.8.8.8"),
        Resolver("cf", url="https://cloudflare-dns.com/dns-query"),
    )
    names: tuple[str, ...] = ("web.whatsapp.com", "g.whatsapp.net")
    control_name: str = "example.com"
    edges: tuple[Edge, ...] = (
        Edge("tls.web", "web.whatsapp.com"),
        Edge("tls.g", "g.whatsapp.net", (443, 5222), must_speak_tls=False),
    )
    chat: str = "wss://web.whatsapp.com/ws/chat"
    origin: str = "https://web.whatsapp.com"
    graph: str = "https://graph.facebook.com/"
    status: str = "https://metastatus.com/data/orgs.json"
    controls: tuple[str, ...] = ("https://www.gstatic.com/generate_204", "https://www.wikipedia.org/")
    homeserver: str = ""
    peers: tuple[str, ...] = ()
    peers_token: str = ""
    prefixes: tuple[str, ...] = ()
    interval: float = POLITE
    slow: float = 2 * POLITE
    timeout: float = 10.0
    cafile: str = ""


def system_resolver(path: Path = Path("/etc/resolv.conf")) -> str:
    """Give the machine's first resolver; empty where it names none."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    words = (line.split() for line in lines)
    return next((word[1] for word in words if len(word) > 1 and word[0] == "nameserver"), "")

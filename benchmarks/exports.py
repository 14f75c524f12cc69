"""How fast exports are read, against the peers of PyPI and npm, all in one run and each in its own process."""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks import Row
from fallback.simulator.exports import style, write_export

_TIMED = """
import json, resource, sys, time
path = sys.argv[1]
{setup}
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(count=count, seconds=seconds, peak=peak)))
"""
_OURS = _TIMED.format(
    setup="from fallback.networks.whatsapp.export import read_export",
    work="""
count = 0
for record in read_export(path, timezone="UTC").records():
    record.stamp, record.label, record.kind, record.text
    count += 1""",
)
_INSPECT = _TIMED.format(
    setup="from fallback.networks.whatsapp.export import read_export\nfrom fallback.networks.whatsapp.report import lines\nfrom fallback.networks.whatsapp.dialects import forms, templates_of, tokens; forms(); tokens(); templates_of('en')",
    work="count = len(list(lines(read_export(path, timezone='UTC'))))",
)
_BARE = _TIMED.format(
    setup="import zipfile, msgspec\nclass R(msgspec.Struct, frozen=True, gc=False): stamp: int; label: str; words: str; special: None = None; system: None = None",
    work="""
with zipfile.ZipFile(path) as archive:
    name = next(n for n in archive.namelist() if n.endswith(".txt"))
    rows = [R(i, line[:20], line[20:], None, None) for i, line in enumerate(archive.read(name).decode().split("\\n"))]
count = len(rows)""",
)
_PYTHON_PEERS = {
    "chatpack": ("import chatpack", "count = len(chatpack.parse_whatsapp(path))"),
    "chat-miner": (
        "import logging; logging.disable(50)\nfrom chatminer.chatparsers import WhatsAppParser",
        "parser = WhatsAppParser(path); parser.parse_file(); count = len(parser.parsed_messages.get_df())",
    ),
    "whatstk": (
        "from whatstk import WhatsAppChat",
        "count = len(WhatsAppChat.from_source(filepath=path).df)",
    ),
}
_NODE_PEER = """
const chat = require('whatsapp-chat-parser'), fs = require('fs');
const start = process.hrtime.bigint();
const text = fs.readFileSync(process.argv[2], 'utf8');
const count = chat.parseString(text, {parseAttachments: true}).length;
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(JSON.stringify({count, seconds, peak: process.memoryUsage().rss / 1048576}));
"""


def run(quick: bool) -> list[Row]:
    """Measure; peers that can't be installed are named and left out."""
    count = 40_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        peers = _install(scratch, ("chatpack",) if quick else tuple(_PYTHON_PEERS))
        rows: list[Row] = []
        ours: dict[str, float] = {}
        for locale in ("en-GB", "ar-EG"):
            for platform in ("android", "ios"):
                path = scratch / f"{locale}-{platform}.txt"
                write_export(path, count, style(locale, platform))
                found, row = _compare(path, count, peers, f"{locale} {platform}", repeat=3 if quick else 1)
                ours[f"{locale} {platform}"] = path.stat().st_size / found["seconds"]
                rows.append(row)
                rows.append(_memory(found, f"{locale} {platform}", count))
                path.unlink()
        for platform in ("android", "ios"):
            ratio = ours[f"en-GB {platform}"] / ours[f"ar-EG {platform}"]
            detail = "bytes a second of English over those of Arabic"
            rows.append(Row(name=f"export, Arabic {platform}", ratio=ratio, goal="<= 1.2", detail=detail))
        rows.append(_inspection(scratch))
    return rows


def _compare(
    path: Path, count: int, peers: dict[str, list[str]], name: str, *, repeat: int
) -> tuple[dict[str, float], Row]:
    megabytes = path.stat().st_size / 1e6
    found = _best([sys.executable, "-c", _OURS], path, repeat)
    assert found is not None
    assert found["count"] == count, f"{found['count']} of {count} records"
    speeds = {}
    for peer, command in peers.items():
        result = _best(command, path, repeat)
        if result is None or result["count"] < count * 0.9:
            speeds[peer] = f"reads {0 if result is None else result['count']:,.0f}"
        else:
            speeds[peer] = megabytes / result["seconds"]
    figures = [speed for speed in speeds.values() if isinstance(speed, float)]
    mine = megabytes / found["seconds"]
    told = ", ".join(f"{p} {s:.0f} MB/s" if isinstance(s, float) else f"{p} {s}" for p, s in speeds.items())
    ratio = mine / max(figures) if figures else mine
    detail = f"{mine:.0f} MB/s of {megabytes:.0f} MB; {told or 'no peer here'}"
    return found, Row(
        name=f"export, {name}, against the fastest peer", ratio=ratio, goal=">= 1", detail=detail
    )


def _memory(found: dict[str, float], name: str, count: int) -> Row:
    detail = f"peak {found['peak']:.0f} MB of 60 while streaming {count:,} messages"
    return Row(name=f"export, {name}, memory", ratio=found["peak"] / 60, goal="<= 1", detail=detail)


def _inspection(scratch: Path) -> Row:
    path = scratch / "chat.zip"
    write_export(path, 40_000, style("en-GB", "android"))
    with zipfile.ZipFile(path) as archive:
        size = archive.infolist()[0].file_size / 1e6
    mine = _best([sys.executable, "-c", _INSPECT], path, 3)
    bare = _best([sys.executable, "-c", _BARE], path, 3)
    assert mine is not None
    assert bare is not None
    detail = (
        f"{mine['seconds']:.2f} s against {bare['seconds']:.2f} s to unpack, split and build ({size:.1f} MB)"
    )
    return Row(
        name="inspect, 40,000 messages zipped",
        ratio=mine["seconds"] / bare["seconds"],
        goal="<= 1.5",
        detail=detail,
    )


def _best(command: list[str], path: Path, repeat: int) -> dict[str, float] | None:
    """Run a timed process some times; the median, or nothing where it fails."""
    results = []
    for _ in range(repeat):
        try:
            done = subprocess.run([*command, str(path)], capture_output=True, timeout=300, check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
        except (subprocess.SubprocessError, ValueError, IndexError):
            return None
    middle = statistics.median_low([r["seconds"] for r in results])
    return next(r for r in results if r["seconds"] == middle)


def _install(scratch: Path, wanted: tuple[str, ...]) -> dict[str, list[str]]:
    """Install the peers into a scratch environment; say which can't be had."""
    peers: dict[str, list[str]] = {}
    python = scratch / "venv" / "bin" / "python"
    made = _quiet([sys.executable, "-m", "venv", str(scratch / "venv")], 60)
    for peer in wanted:
        setup, work = _PYTHON_PEERS[peer]
        if made and _quiet([str(python), "-m", "pip", "install", "-q", peer], 120):
            peers[peer] = [str(python), "-c", _TIMED.format(setup=setup, work=work)]
        else:
            print(f"left out: {peer} can't be installed here", file=sys.stderr)
    script = scratch / "peer.js"
    script.write_text(_NODE_PEER)
    npm = shutil.which("npm")
    if npm and _quiet([npm, "install", "--silent", "--prefix", str(scratch), "whatsapp-chat-parser"], 90):
        peers["whatsapp-chat-parser"] = ["node", str(script)]
    else:
        print("left out: whatsapp-chat-parser can't be installed here", file=sys.stderr)
    return peers


def _quiet(command: list[str], seconds: float) -> bool:
    try:
        subprocess.run(command, capture_output=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True

"""How fast exports are read, against the peers of PyPI and npm, all in one run and each in its own process.

Counted are seconds of one core, of all the threads of a process, so that a busy machine disturbs nobody's figure.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks import Row
from fallback.simulator.exports import Platform, style, write_export

_TIMED = """
import json, resource, sys, time
path = sys.argv[1]
{setup}
start = time.process_time()
{work}
seconds = time.process_time() - start
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
const start = process.cpuUsage();
const text = fs.readFileSync(process.argv[2], 'utf8');
const count = chat.parseString(text, {parseAttachments: true}).length;
const used = process.cpuUsage(start), seconds = (used.user + used.system) / 1e6;
console.log(JSON.stringify({count, seconds, peak: process.memoryUsage().rss / 1048576}));
"""


_SMALL, _LARGE = 40_000, 1_000_000
_PLATFORMS: tuple[Platform, ...] = ("android", "ios")
_FAR_BEHIND = 5
"""A peer that is so many times slower on the small export is not kept waiting for on the large one."""


def run(quick: bool) -> list[Row]:
    """Measure; peers that can't be installed are named and left out."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        peers = _install(scratch, tuple(_PYTHON_PEERS))
        rows = [_inspection(scratch, platform) for platform in _PLATFORMS]
        slow: set[str] = set()
        for count in (_SMALL,) if quick else (_SMALL, _LARGE):
            rows += _sized(scratch, count, {p: c for p, c in peers.items() if p not in slow}, slow)
        return rows


def _sized(scratch: Path, count: int, peers: dict[str, list[str]], slow: set[str]) -> list[Row]:
    """Measure exports of one size; peers that are far behind are added to ``slow``."""
    rows: list[Row] = []
    ours: dict[str, float] = {}
    for locale in ("en-GB", "ar-EG"):
        for platform in _PLATFORMS:
            path = scratch / f"{locale}-{platform}.txt"
            write_export(path, count, style(locale, platform))
            megabytes = path.stat().st_size / 1e6
            repeat = 3 if count == _SMALL else 1
            found = _best([sys.executable, "-c", _OURS], path, repeat)
            assert found is not None
            assert found["count"] == count, f"{found['count']} of {count} records"
            speed = ours[f"{locale} {platform}"] = megabytes / found["seconds"]
            theirs = {peer: _best(command, path, repeat) for peer, command in peers.items()}
            name = f"export, {count:,} messages, {locale} {platform}"
            if locale == "en-GB":
                slow |= {p for p, r in theirs.items() if r and r["seconds"] > found["seconds"] * _FAR_BEHIND}
                rows.append(_against(name, speed, megabytes, count, theirs))
            else:
                english = ours[f"en-GB {platform}"]
                rows.append(_arabic(name, speed, english, count, theirs))
            rows.append(_memory(found, name, count))
            path.unlink()
    return rows


def _against(
    name: str, speed: float, megabytes: float, count: int, theirs: dict[str, dict[str, float] | None]
) -> Row:
    """Compare with the fastest peer of those that read nine records of ten at least."""
    speeds = {p: megabytes / r["seconds"] for p, r in theirs.items() if r and r["count"] >= count * 0.9}
    told = [f"{peer} {figure:.0f}" for peer, figure in speeds.items()]
    told += [_reads(peer, theirs[peer]) for peer in theirs if peer not in speeds]
    detail = f"{speed:.0f} MB/s; {', '.join(told) or 'no peer here'}"
    ratio = speed / max(speeds.values(), default=speed)
    return Row(name=f"{name}, against the fastest peer", ratio=ratio, goal=">= 1", detail=detail)


def _arabic(
    name: str, speed: float, english: float, count: int, theirs: dict[str, dict[str, float] | None]
) -> Row:
    """Compare with English: seconds of one byte over those of the other."""
    able = [peer for peer, result in theirs.items() if result and result["count"] >= count * 0.9]
    detail = f"{speed:.0f} MB/s, English {english:.0f}; {', '.join(able) or 'no peer'} reads it"
    return Row(name=f"{name}, against English", ratio=english / speed, goal="<= 1.2", detail=detail)


def _reads(peer: str, result: dict[str, float] | None) -> str:
    return f"{peer} fails" if result is None else f"{peer} reads {result['count']:,.0f}"


def _memory(found: dict[str, float], name: str, count: int) -> Row:
    detail = f"peak {found['peak']:.0f} MB of 60 while streaming {count:,} messages"
    return Row(name=f"{name}, memory", ratio=found["peak"] / 60, goal="<= 1", detail=detail)


def _inspection(scratch: Path, platform: Platform) -> Row:
    path = scratch / "chat.zip"
    write_export(path, _SMALL, style("en-GB", platform))
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
        name=f"inspect, {_SMALL:,} messages zipped, {platform}",
        ratio=mine["seconds"] / bare["seconds"],
        goal="<= 1.5",
        detail=detail,
    )


def _best(command: list[str], path: Path, repeat: int) -> dict[str, float] | None:
    """Run a timed process some times; the median, or nothing where it fails."""
    results: list[dict[str, float]] = []
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

"""How long the client takes to its first frame, and what a new message costs in a long group."""

import asyncio
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path

from benchmarks import Row

MARK = "ThisIsTheNewestMessage"
EMPTY = f"""
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("{MARK}")
Empty().run()
"""
CLIENT = """
import gc
gc.disable()
import asyncio, sys
from pathlib import Path
from fallback.clock import SystemClock
from fallback.config import Interface
from fallback.store.sqlite import SqliteStore
from fallback.tui.app import run_async
from fallback.tui.session import StoreSession
async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    try:
        await run_async(StoreSession(store, SystemClock(), "@me:x"), Interface(language="en"))
    finally:
        await store.close()
asyncio.run(main())
"""


def run(quick: bool) -> list[Row]:
    """Measure the first frame, an appended message and a key."""
    rows = [first_frame(2_000 if quick else 10_000, 5 if quick else 21)]
    return rows + asyncio.run(costs(5_000 if quick else 50_000))


# ── the first frame ──────────────────────────────────────────────────────────────────────────────


def first_frame(count: int, rounds: int) -> Row:
    """Time the real client, on a real store in a real terminal, against an empty Textual app."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        asyncio.run(fill(path, count))
        empty, ours = [], []
        for _ in range(rounds):
            empty.append(until_painted([sys.executable, "-c", EMPTY]))
            ours.append(until_painted([sys.executable, "-c", CLIENT, str(path)]))
    base, own = statistics.median(empty), statistics.median(ours)
    return {
        "name": f"first frame of the client, {count:,} messages, against an empty Textual app",
        "ratio": own / base,
        "goal": "<= 1.3",
        "detail": f"{own * 1000:.0f} ms, empty app {base * 1000:.0f} ms",
    }


async def fill(path: Path, count: int) -> None:
    """Write a store with one group."""
    from fallback.core.ids import ChatId, PortalId, RoomId
    from fallback.core.ports import Portal
    from fallback.store.sqlite import SqliteStore

    store = await SqliteStore.open(path)
    portal = PortalId("p")
    await store.save_portal(Portal(id=portal, chat=ChatId("c"), room=RoomId("!r"), name="Newsroom غرفة"))
    for number in range(count):
        await store.record(portal, message(number, MARK if number == count - 1 else ""))
    await store.close()


def until_painted(command: list[str]) -> float:
    """Run a program in a terminal of 120 by 40; gives the seconds until the mark is on the screen."""
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(command[0], command)
    try:
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = b""
        while MARK.encode() not in seen:
            if not select.select([terminal], [], [], 30)[0]:
                raise TimeoutError(seen[-500:])
            seen += os.read(terminal, 65536)
        return time.perf_counter() - start
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


# ── in a long group ──────────────────────────────────────────────────────────────────────────────


async def costs(count: int) -> list[Row]:
    """Measure in a long group against a short one, in CPU time: the clock of a screen is 60 frames a second."""
    short_append, short_key, short_burst = await one_group(100)
    append, key, burst = await one_group(count)
    return [
        compare(f"a new message at {count:,} messages, against 100", append, short_append),
        compare(f"a key at {count:,} messages, against 100", key, short_key),
        compare(f"a burst of 500 at {count:,} messages, against 100", burst, short_burst),
    ]


def compare(name: str, own: float, base: float) -> Row:
    """Put two CPU times into a row of the table."""
    detail = f"{own * 1000:.1f} ms CPU, at 100 {base * 1000:.1f} ms"
    return {"name": name, "ratio": own / base, "goal": "<= 1.5", "detail": detail}


async def one_group(count: int) -> tuple[float, float, float]:
    """Give the median CPU seconds of a new message and of a key, and those of a burst of 500."""
    from fallback.core.ids import PortalId
    from fallback.core.ports import TimelineRow
    from fallback.tui.app import ClientApp
    from fallback.tui.fold import Thread
    from fallback.tui.session import StoreSession
    from fallback.tui.typeset import Mode
    from fallback.tui.widgets.composer import Composer
    from fallback.tui.widgets.timeline import Timeline

    def row(number: int) -> TimelineRow:
        return TimelineRow(row=number + 1, event=message(number, ""), portal=PortalId("p"))

    from fallback.clock import SystemClock
    from fallback.store.memory import MemoryStore

    app = ClientApp(StoreSession(MemoryStore(), SystemClock(), "@me:x"), environment={})  # type: ignore[arg-type]
    app.setting.mode = Mode.APP
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        thread = Thread("@me:x")
        thread.merge([row(number) for number in range(count)])
        timeline, composer = app.main.query_one(Timeline), app.main.query_one("#composer", Composer)
        timeline.show(thread)
        await pilot.pause()
        appends, keys = [], []
        for number in range(count, count + 60):
            start = time.process_time()
            timeline.merge([row(number)])
            paint(timeline)
            appends.append(time.process_time() - start)
            start = time.process_time()
            composer.insert("ا")
            paint(composer)
            keys.append(time.process_time() - start)
        start = time.process_time()
        timeline.merge([row(number) for number in range(count + 60, count + 560)])
        paint(timeline)
        burst = time.process_time() - start
    return statistics.median(appends), statistics.median(keys), burst


def paint(widget) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Paint every row of a widget."""
    for y in range(widget.size.height):
        widget.render_line(y)


def message(number: int, text: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Make a message of some ten words, every other one in Arabic."""
    from fallback.core.events import Identity, Message, Origin
    from fallback.core.ids import ChatId, SourceId

    words = (
        "صباح الخير يا فريق هل وصلتكم المسودة"
        if number % 2
        else "good morning, did everybody get the draft of"
    )
    return Message(
        id=SourceId(f"m{number}"),
        chat=ChatId("c"),
        sender=Identity(name=f"Person {number % 9}", mxid=f"@p{number % 9}:x"),
        at=1_633_000_000_000 + number * 60_000,
        origin=Origin.MATRIX,
        text=text or f"{words} {number} {words if number % 5 == 0 else ''}",
    )

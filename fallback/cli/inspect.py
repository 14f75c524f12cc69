"""Says what an export holds."""

from pathlib import Path

import click

_LARGE = 20 << 20


class _Percent:
    """Says on stderr how far the reading of a large file is, every tenth."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0

    def __call__(self, done: int, total: int) -> None:
        from fallback.cli.output import say

        percent = min(100, 100 * done // max(1, total))
        if percent >= self._next:
            say(f"reading {self._name}: {percent} %")
            self._next = percent - percent % 10 + 10


@click.command("inspect")
@click.argument("exports", metavar="EXPORT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one object with all messages, for programs.")
@click.option("--messages", is_flag=True, help="Print the events, one JSON object a line.")
@click.option(
    "--date-order",
    type=click.Choice(["DMY", "MDY", "YMD"], case_sensitive=False),
    help="Order of day, month and year, where the file does not tell.",
)
@click.option("--timezone", help="Time zone of the phone that exported; this machine's where not given.")
@click.option("--me", help="Your own name in the chat, where the file does not tell.")
def command(
    exports: tuple[Path, ...],
    *,
    as_json: bool,
    messages: bool,
    date_order: str | None,
    timezone: str | None,
    me: str | None,
) -> None:
    """Say what a WhatsApp export holds: people, messages, media, and what was not understood.

    \b
    Examples:
      fallback inspect "WhatsApp Chat with Ward 7.zip"
      fallback inspect chat.txt --date-order DMY --timezone Africa/Cairo
      fallback inspect chat.zip --messages > events.ndjson
      fallback inspect mine.zip hers.zip         also say how they overlap
    """
    from fallback.cli.output import data, emit_json
    from fallback.networks.whatsapp.export import read_exports
    from fallback.networks.whatsapp.report import as_object, lines, together

    order = date_order.upper() if date_order else None
    opened = []
    for path in exports:
        large = path.is_file() and path.stat().st_size > _LARGE
        tell = _Percent(path.name) if large else None
        opened += read_exports(path, date_order=order, timezone=timezone, me=me, progress=tell)
    if messages:
        for export in opened:
            for event in export.events:
                emit_json(event)
        return
    for export in opened:
        if as_json:
            emit_json(as_object(export))
            continue
        for line in lines(export):
            data(line)
    if len(opened) > 1 and not as_json:
        data(together(opened))


if __name__ == "__main__":
    command()

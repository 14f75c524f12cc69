"""Write the table of dialects in docs/exports.md from the data that the reader itself uses."""

import sys
from datetime import datetime
from pathlib import Path

from fallback.networks.whatsapp.dialects import KINDS
from fallback.networks.whatsapp.dialects.languages import LANGUAGES
from fallback.networks.whatsapp.dialects.styles import STYLES
from fallback.simulator.exports import header, style

PAGE = Path(__file__).with_name("exports.md")
START, END = "<!-- table: start -->\n", "<!-- table: end -->\n"
MOMENT = datetime(2024, 3, 5, 15, 4, 9)  # noqa: DTZ001 - a wall clock, as in an export


def table() -> str:
    """Write both tables."""
    rows = ["| language | system sentences | media and other tokens |", "| --- | ---: | ---: |"]
    for words in LANGUAGES.values():
        systems = sum(len(texts) for role, texts in words.items() if role in KINDS)
        others = sum(len(texts) for role, texts in words.items() if role not in KINDS and role != "name")
        rows.append(f"| {words['name'][0]} | {systems} | {others} |")
    rows += ["", "| locale | Android | Android, 12 hours | iPhone |", "| --- | --- | --- | --- |"]
    for locale, *_ in STYLES:
        shown = [
            header(MOMENT, style(locale, "android")),
            header(MOMENT, style(locale, "android", twelve=True)),
            header(MOMENT, style(locale, "ios")),
        ]
        rows.append(f"| {locale} | " + " | ".join(f"`{text}`" for text in shown) + " |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """Give the page with its table renewed."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return f"{before}{START}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} renewed\n")

"""WhatsApp markup to the HTML that Matrix shows, and back; linear in the length of the text."""

import re
from html import escape
from html.parser import HTMLParser
from typing import Final

_TAGS: Final = {"*": "strong", "_": "em", "~": "del", "`": "code"}
_MARKS: Final = "*_~`"
_FENCE: Final = "```"
_HELD: Final = re.compile("\0([0-9]+)\0")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>*~`\"]+", re.IGNORECASE)
_QUOTE: Final = re.compile(r"> (.*)")
_BULLET: Final = re.compile(r"[*-] (.+)")
_NUMBERED: Final = re.compile(r"([0-9]{1,2})\. (.+)")
_ANY: Final = re.compile(r"[*_~`]|^> |^- |^[0-9]{1,2}\. ", re.MULTILINE)


def to_html(text: str) -> str | None:
    """Write WhatsApp markup as HTML; ``None`` for text that has none."""
    if _ANY.search(text) is None:
        return None
    held: list[str] = []
    plain = _hold_fences(text.replace("\0", ""), held)
    html = _lines(plain.split("\n"))
    html = _HELD.sub(lambda match: held[int(match[1])], html)
    html = html.replace("<br></pre>", "</pre>").replace("</pre><br>", "</pre>").replace("<br><pre>", "<pre>")
    return None if html == escape(text, quote=False).replace("\n", "<br>") else html


def _hold_fences(text: str, held: list[str]) -> str:
    """Take ```` ```code``` ```` out, so that nothing inside it is formatted."""
    parts = text.split(_FENCE)
    out = [parts[0]]
    i = 1
    while i < len(parts):
        if i + 1 < len(parts) and parts[i].strip():
            code = parts[i]
            if "\n" in code:
                held.append(f"<pre><code>{escape(code.removeprefix(chr(10)), quote=False)}</code></pre>")
            else:
                held.append(f"<code>{escape(code, quote=False)}</code>")
            out.append(f"\0{len(held) - 1}\0{parts[i + 1]}")
            i += 2
        else:
            out.append(_FENCE + parts[i])
            i += 1
    return "".join(out)


def _lines(lines: list[str]) -> str:
    """Group quotes and lists; join the rest with line breaks."""
    out: list[str] = []
    kind, block = "", list[str]()

    def close() -> None:
        if kind == "quote":
            out.append(f"<blockquote>{'<br>'.join(block)}</blockquote>")
        elif kind == "ul":
            out.append(f"<ul>{''.join(f'<li>{item}</li>' for item in block)}</ul>")
        elif kind:
            start = f' start="{kind[2:]}"' if kind[2:] != "1" else ""
            out.append(f"<ol{start}>{''.join(f'<li>{item}</li>' for item in block)}</ol>")
        block.clear()

    broken = False
    for line in lines:
        new, content = _line_kind(line)
        if new.startswith("ol") and kind.startswith("ol") and int(new[2:]) == int(kind[2:]) + len(block):
            new = kind
        if new != kind:
            close()
            broken = False if kind else broken
            kind = new
        if new:
            block.append(_inline(content))
            broken = False
        else:
            out.append(("<br>" if broken else "") + _inline(line))
            broken = True
    close()
    return "".join(out)


def _line_kind(line: str) -> tuple[str, str]:
    if (match := _QUOTE.fullmatch(line)) is not None:
        return "quote", match[1]
    if (match := _BULLET.fullmatch(line)) is not None:
        return "ul", match[1]
    if (match := _NUMBERED.fullmatch(line)) is not None:
        return f"ol{int(match[1])}", match[2]
    return "", line


def _inline(text: str) -> str:
    """Format one line: a mark opens after a space or mark and closes before what is no letter or digit."""
    if not any(mark in text for mark in _MARKS):
        return escape(text, quote=False)
    links = {match.start(): _link_end(text, match) for match in _URL.finditer(text)}
    closers = _closers(text, links)
    out: list[str] = []
    i = start = 0
    while i < len(text):
        if i in links:
            i = links[i]
            continue
        mark = text[i]
        if mark in _MARKS and _opens(text, i):
            end = closers[mark][i + 1]
            if end > i + 1:
                out.append(escape(text[start:i], quote=False))
                inner = text[i + 1 : end]
                body = escape(inner, quote=False) if mark == "`" else _inline(inner)
                out.append(f"<{_TAGS[mark]}>{body}</{_TAGS[mark]}>")
                i = start = end + 1
                continue
        i += 1
    out.append(escape(text[start:], quote=False))
    return "".join(out)


def _link_end(text: str, match: re.Match[str]) -> int:
    """End a link before the mark that closes what was opened right before it."""
    end = match.end()
    before = text[match.start() - 1] if match.start() else ""
    return end - 1 if before == "_" and text[end - 1] == "_" else end


def _opens(text: str, at: int) -> bool:
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    return (before.isspace() or before == ">" or before in _MARKS or before == "\0") and not after.isspace()


def _closers(text: str, links: dict[int, int]) -> dict[str, list[int]]:
    """For every place and mark, give where the next mark that can close stands, or -1."""
    inside = bytearray(len(text))
    for start, end in links.items():
        inside[start:end] = b"\1" * (end - start)
    found: dict[str, list[int]] = {}
    for mark in _MARKS:
        following = [-1] * (len(text) + 2)
        if mark in text:
            for i in range(len(text) - 1, -1, -1):
                following[i] = following[i + 1]
                if text[i] == mark and i and not inside[i] and not text[i - 1].isspace():
                    after = text[i + 1] if i + 1 < len(text) else " "
                    if not after.isalnum():
                        following[i] = i
        found[mark] = following
    return found


def from_html(html: str) -> str:
    """Write the HTML of a Matrix message as WhatsApp markup."""
    parser = _Reader()
    parser.feed(html.replace("\0", ""))
    parser.close()
    return parser.text()


_FORMATS: Final = {
    "strong": "*", "b": "*", "h1": "*", "h2": "*", "h3": "*", "h4": "*", "h5": "*", "h6": "*", "em": "_", "i": "_",
    "del": "~", "s": "~", "strike": "~", "code": "`",
}  # fmt: skip
_BLOCKS: Final = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "table", "tr"}
)


class _Reader(HTMLParser):
    """Collects text with its marks; a mark that WhatsApp would not honour is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._quotes: list[int] = []
        self._lists: list[int] = []
        self._skip = 0
        self._pre = 0

    def text(self) -> str:
        """Give the text."""
        joined = "".join(self._out)
        return re.sub(r"\n{3,}", "\n\n", joined).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a format or a block."""
        if tag == "mx-reply":
            self._skip += 1
        if self._skip:
            return
        if tag in _BLOCKS:
            self._line()
        if tag == "br":
            self._out.append("\n")
        elif tag == "pre":
            self._pre += 1
            self._out.append(_FENCE)
        elif tag == "blockquote":
            self._quotes.append(len(self._out))
        elif tag in {"ul", "ol"}:
            start = dict(attrs).get("start") or "1"
            self._lists.append(
                -1 if tag == "ul" else int(start) if start.isdecimal() and len(start) < 3 else 1
            )
        elif tag == "li" and self._lists:
            number = self._lists[-1]
            self._out.append("- " if number < 0 else f"{number}. ")
            self._lists[-1] = number if number < 0 else number + 1
        if tag in _FORMATS and not self._pre:
            self._open.append((tag, len(self._out)))

    def handle_endtag(self, tag: str) -> None:
        """Close a format or a block."""
        if tag == "mx-reply":
            self._skip = max(0, self._skip - 1)
            return
        if self._skip:
            return
        if tag in _FORMATS and not self._pre:
            self._close(tag)
        if tag == "pre" and self._pre:
            self._pre -= 1
            self._out.append(_FENCE)
        elif tag == "blockquote" and self._quotes:
            at = self._quotes.pop()
            quoted = "".join(self._out[at:]).strip("\n")
            self._out[at:] = ["\n".join(f"> {line}" for line in quoted.split("\n"))]
            self._open = [entry for entry in self._open if entry[1] <= at]
        elif tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        if tag in _BLOCKS:
            self._line()

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._skip:
            self._out.append(data if self._pre else data.replace("\n", " "))

    def _line(self) -> None:
        last = next((part for part in reversed(self._out[-8:]) if part), "")
        if last and not last.endswith("\n") and not re.fullmatch(r"- |[0-9]{1,2}\. ", last):
            self._out.append("\n")

    def _close(self, tag: str) -> None:
        """Put the marks round what was written since the tag opened, inside its white space."""
        for i in range(len(self._open) - 1, -1, -1):
            if self._open[i][0] == tag:
                at = self._open[i][1]
                del self._open[i:]
                break
        else:
            return
        content = "".join(self._out[at:])
        mark = _FORMATS[tag]
        core = content.strip()
        before = self._out[at - 1][-1:] if at else ""
        if core and "\n" not in core and mark not in core and not before.isalnum():
            lead, tail = content[: len(content) - len(content.lstrip())], content[len(content.rstrip()) :]
            content = f"{lead}{mark}{core}{mark}{tail}"
        self._out[at:] = [content]

"""The join sheet: one printable page in Arabic and English that brings a person into the room."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from fallback.core import qr
from fallback.core.events import Frozen
from fallback.core.ids import RoomId

_STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0 auto;max-width:44rem;padding:1rem;font:1rem/1.6 system-ui,"Noto Sans Arabic",sans-serif;color:#111;background:#fff}
h1{font-size:1.4rem;margin:.2rem 0}section{margin:1rem 0;padding:1rem;border:1px solid #888;border-radius:.5rem}
.qr{display:block;width:min(60vw,14rem);margin:1rem auto}.qr svg{width:100%;height:auto}
code{direction:ltr;unicode-bidi:isolate;overflow-wrap:anywhere;font-size:.95em}
a{color:#0645ad;overflow-wrap:anywhere}li{margin:.4rem 0}
.blank{display:inline-block;min-width:12rem;border-bottom:1px solid #111}
@media print{body{padding:0}section{break-inside:avoid}}
"""


_BLANK = '<span class="blank">&nbsp;</span>'


class Sheet(Frozen, frozen=True):
    """What one sheet says.

    Args:
        via: servers that know the room.
        homeserver: where the person signs in; base URL.
        person: whom it is for; empty for the whole group.
        mxid: their own account; empty for a line to write it on.
        token: with which they make an account, once; empty where they have one.
    """

    group: str
    room: RoomId
    homeserver: str
    via: tuple[str, ...] = ()
    person: str = ""
    mxid: str = ""
    token: str = ""


def matrix_to(room: RoomId, via: Sequence[str] = ()) -> str:
    """Give the web address that opens a room in any client."""
    return f"https://matrix.to/#/{quote(room, safe='!:')}{_via(via)}"


def matrix_uri(room: RoomId, via: Sequence[str] = ()) -> str:
    """Give the ``matrix:`` address of a room."""
    query = _via(via)
    return f"matrix:roomid/{quote(room.removeprefix('!'), safe=':')}{query}{'&' if query else '?'}action=join"


def page(sheet: Sheet) -> str:
    """Write a sheet as one HTML file that loads nothing."""
    title = " · ".join(filter(None, (sheet.group, sheet.person)))
    link, uri = matrix_to(sheet.room, sheet.via), matrix_uri(sheet.room, sheet.via)
    return f"""<!doctype html>
<html lang="ar"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1><bdi>{escape(sheet.group)}</bdi></h1>{_whom(sheet)}
<div class="qr">{qr.svg(link)}</div>
{_arabic(sheet, link)}
{_english(sheet, link)}
<p dir="ltr"><a href="{escape(uri)}"><code>{escape(uri)}</code></a></p>
</body></html>
"""


def file_name(sheet: Sheet, number: int) -> str:
    """Name a sheet's file; nothing of a person's name, which could be anything."""
    return f"{number:03d}-{'member' if sheet.person else 'group'}.html"


def _via(via: Sequence[str]) -> str:
    return "?" + "&".join(f"via={quote(server, safe=':')}" for server in via) if via else ""


def _whom(sheet: Sheet) -> str:
    return f"<p><bdi>{escape(sheet.person)}</bdi></p>" if sheet.person else ""


def _account(sheet: Sheet) -> str:
    return f"<code>{escape(sheet.mxid)}</code>" if sheet.mxid else _BLANK


def _arabic_account(sheet: Sheet) -> str:
    server = f"<code>{escape(sheet.homeserver)}</code>"
    if sheet.token:
        return f"أنشئ حسابًا على الخادم {server}<br>رمز التسجيل، لمرة واحدة: <code>{escape(sheet.token)}</code><br>ثم أخبرنا باسم حسابك."
    return f"سجّل الدخول على الخادم {server}<br>الحساب: {_account(sheet)}<br>كلمة المرور المؤقتة: {_BLANK}"


def _english_account(sheet: Sheet) -> str:
    server = f"<code>{escape(sheet.homeserver)}</code>"
    if sheet.token:
        return f"Make an account on the server {server}<br>Registration token, for once: <code>{escape(sheet.token)}</code><br>Then tell us the account's name."
    return f"Sign in on the server {server}<br>Account: {_account(sheet)}<br>First password: {_BLANK}"


def _arabic(sheet: Sheet, link: str) -> str:
    return f"""<section lang="ar" dir="rtl"><p>إذا توقف واتساب نلتقي هنا. انضم الآن، قبل أن يتوقف.</p><ol>
<li>ثبّت تطبيق ماتركس على هاتفك، مثل <bdi>Element X</bdi>.</li>
<li>{_arabic_account(sheet)}</li>
<li>امسح الرمز أو افتح <a href="{escape(link)}"><code>{escape(link)}</code></a>، واقبل الدعوة، واكتب كلمة واحدة.</li>
</ol></section>"""


def _english(sheet: Sheet, link: str) -> str:
    return f"""<section lang="en" dir="ltr"><p>When WhatsApp is down, we meet here. Join now, before it is.</p><ol>
<li>Install a Matrix app on your phone, such as <bdi>Element X</bdi>.</li>
<li>{_english_account(sheet)}</li>
<li>Scan the code or open <a href="{escape(link)}"><code>{escape(link)}</code></a>, accept the invitation and write one word.</li>
</ol></section>"""

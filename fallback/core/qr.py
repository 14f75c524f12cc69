"""QR codes: as SVG within a page, and as blocks on a terminal."""

import io

import segno


def svg(text: str) -> str:
    """Draw a code as an ``svg`` element that scales with its box."""
    return segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, omitsize=True, light="#fff")


def blocks(text: str) -> str:
    """Draw a code in half blocks, dark on light, for a terminal of any colours."""
    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue()

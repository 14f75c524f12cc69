"""The pictures, the sticker and the PDF of the example exports, drawn from nothing."""

import io
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Drawing = Callable[[], Image.Image]

INK = (40, 44, 52)
PAPER = (250, 248, 243)


def jpeg(name: str) -> bytes:
    """Draw the photo of that name and encode it."""
    return _encoded(PHOTOS[name](), "JPEG", quality=62, optimize=True)


def webp(name: str) -> bytes:
    """Draw the sticker of that name and encode it, 512 x 512 pixels with transparency."""
    return _encoded(STICKERS[name](), "WEBP", quality=70, method=6)


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """Set one landscape page of fixed-width text; characters outside Latin-1 become question marks."""
    rows = [f"BT /F2 16 Tf 48 540 Td ({_escaped(title)}) Tj ET"]
    rows += [
        f"BT /F1 10 Tf 48 {505 - 20 * row} Td ({_escaped(line)}) Tj ET" for row, line in enumerate(lines)
    ]
    stream = "\n".join(rows).encode("latin-1", "replace")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 595] /Contents 4 0 R /Resources 7 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        font % b"Courier",
        font % b"Helvetica-Bold",
        b"<< /Font << /F1 5 0 R /F2 6 0 R >> >>",
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _canvas(
    size: tuple[int, int], top: Colour, bottom: Colour | None = None
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, top)
    draw = ImageDraw.Draw(image)
    if bottom is not None:
        for y in range(size[1]):
            part = y / (size[1] - 1)
            shade = tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
            draw.line((0, y, size[0], y), fill=shade)
    return image, draw


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _bridge() -> Image.Image:
    image, draw = _canvas((640, 480), (150, 190, 222), (238, 226, 200))
    draw.rectangle((0, 330, 640, 480), fill=(104, 134, 138))
    for left in range(0, 640, 128):
        draw.rectangle((left, 222, left + 128, 250), fill=(122, 116, 110))
        draw.pieslice((left + 8, 236, left + 120, 420), 180, 360, fill=(150, 176, 190))
        draw.rectangle((left - 8, 240, left + 8, 360), fill=(112, 106, 100))
    for left in range(0, 640, 20):
        draw.line((left, 200, left, 222), fill=(92, 90, 92), width=2)
    draw.line((0, 200, 640, 200), fill=(92, 90, 92), width=3)
    for left in range(170, 470, 60):
        draw.rectangle((left, 384, left + 30, 410), fill=(206, 60, 50))
        draw.rectangle((left + 30, 384, left + 60, 410), fill=(244, 240, 236))
    for row in range(345, 380, 9):
        draw.line((40 + row % 17, row, 600, row), fill=(124, 152, 154), width=2)
    draw.rectangle((0, 410, 640, 480), fill=(94, 92, 88))
    return image


def _market() -> Image.Image:
    image, draw = _canvas((640, 426), (226, 206, 170), (176, 150, 118))
    chance = random.Random(11)
    for left, colour in zip(
        range(0, 640, 160), ((188, 62, 52), (48, 116, 104), (214, 156, 54), (70, 92, 150)), strict=True
    ):
        draw.polygon(((left + 6, 130), (left + 154, 130), (left + 138, 84), (left + 22, 84)), fill=colour)
        draw.line((left + 14, 130, left + 14, 360), fill=(92, 70, 50), width=5)
        draw.rectangle((left + 12, 262, left + 148, 348), fill=(126, 92, 62))
        for _ in range(46):
            x, y = chance.randint(left + 22, left + 136), chance.randint(236, 262)
            fruit = chance.choice(((206, 70, 40), (222, 168, 50), (96, 140, 60), (170, 40, 60)))
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=fruit)
    for x in (110, 300, 420, 560):
        _person(draw, x, 300, (58, 60, 74))
    return image.filter(ImageFilter.GaussianBlur(0.6))


def _person(draw: ImageDraw.ImageDraw, x: int, top: int, colour: Colour) -> None:
    draw.ellipse((x - 11, top, x + 11, top + 24), fill=(72, 52, 42))
    draw.rounded_rectangle((x - 19, top + 24, x + 19, top + 96), 12, fill=colour)


def _queue() -> Image.Image:
    image, draw = _canvas((480, 640), (214, 220, 222), (190, 178, 160))
    draw.polygon(((0, 60), (300, 190), (300, 420), (0, 640)), fill=(196, 172, 138))
    for step in range(9, 0, -1):
        shade = 50 + step * 9
        x, y, high = 300 - step * -14 - step * 32, 300 + (9 - step) * 22, 40 + (9 - step) * 17
        draw.ellipse(
            (x + 150 - high // 7, y - high // 4, x + 150 + high // 7, y + high // 12), fill=(66, 50, 44)
        )
        draw.rounded_rectangle(
            (x + 150 - high // 4, y + high // 12, x + 150 + high // 4, y + high),
            8,
            fill=(shade, shade + 8, shade + 26),
        )
    draw.rectangle((20, 470, 90, 560), fill=(238, 232, 214))
    draw.text((32, 500), "50 kg", fill=INK, font=_font(20))
    return image.filter(ImageFilter.GaussianBlur(1.0))


def _bars(title: str, labels: Sequence[str], values: Sequence[float], colour: Colour) -> Image.Image:
    image, draw = _canvas((640, 440), PAPER)
    draw.text((40, 22), title, fill=INK, font=_font(22))
    highest = max(values)
    step = 560 // len(values)
    for line in range(5):
        draw.line((40, 380 - line * 72, 600, 380 - line * 72), fill=(220, 216, 208))
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        left, top = 48 + place * step, 380 - round(288 * value / highest)
        draw.rectangle((left, top, left + step - 22, 380), fill=colour)
        draw.text((left + 4, top - 24), f"{value:g}", fill=INK, font=_font(18))
        draw.text((left, 390), label, fill=INK, font=_font(15))
    draw.line((40, 380, 600, 380), fill=INK, width=2)
    return image


def _curve(
    title: str, values: Sequence[float], bounds: tuple[float, float], marks: Sequence[float]
) -> Image.Image:
    image, draw = _canvas((640, 400), PAPER)
    draw.text((40, 18), title, fill=INK, font=_font(22))
    low, high = bounds

    def height(value: float) -> int:
        return round(350 - 270 * (value - low) / (high - low))

    for mark in marks:
        draw.line((70, height(mark), 610, height(mark)), fill=(206, 202, 196))
        draw.text((24, height(mark) - 9), f"{mark:g}", fill=INK, font=_font(15))
    step = 540 / (len(values) - 1)
    points = [(round(70 + step * place), height(value)) for place, value in enumerate(values)]
    draw.line(points, fill=(32, 104, 152), width=4, joint="curve")
    for x, y in points:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(32, 104, 152))
    return image


def _river() -> Image.Image:
    image, draw = _canvas((640, 480), (244, 196, 140), (160, 120, 110))
    draw.ellipse((420, 110, 490, 180), fill=(255, 240, 206))
    draw.rectangle((0, 250, 640, 480), fill=(118, 112, 116))
    draw.polygon(((0, 360), (260, 300), (640, 330), (640, 480), (0, 480)), fill=(164, 140, 108))
    for row in range(252, 300, 6):
        draw.line((452 - (row - 240), row, 456 + (row - 240), row), fill=(248, 216, 168), width=2)
    for x in (60, 130, 560):
        draw.line((x, 250, x + 6, 150), fill=(64, 50, 42), width=7)
        for dx, dy in ((-44, 10), (-34, -20), (0, -34), (36, -18), (46, 12)):
            draw.line((x + 6, 150, x + 6 + dx, 150 + dy), fill=(58, 74, 50), width=6)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _dust() -> Image.Image:
    image, draw = _canvas((640, 480), (206, 130, 66), (166, 96, 50))
    draw.ellipse((300, 90, 364, 154), fill=(246, 226, 196))
    chance = random.Random(27)
    left = 0
    while left < 640:
        wide, high = chance.randint(36, 90), chance.randint(70, 200)
        draw.rectangle((left, 480 - high, left + wide, 480), fill=(128, 76, 44))
        left += wide + chance.randint(0, 14)
    return image.filter(ImageFilter.GaussianBlur(3))


def _page() -> Image.Image:
    image, draw = _canvas((480, 640), (252, 251, 248))
    draw.rectangle((24, 22, 456, 70), fill=(150, 30, 36))
    draw.rectangle((24, 84, 456, 112), fill=INK)
    draw.rectangle((110, 120, 456, 134), fill=(120, 120, 124))
    image.paste(_river().resize((280, 210)), (176, 150))
    chance = random.Random(5)
    for column, top in ((24, 150), (24, 380), (172, 380), (320, 380)):
        bottom = 360 if top == 150 else 616
        for y in range(top, bottom, 9):
            draw.rectangle((column + chance.randint(0, 24), y, column + 136, y + 4), fill=(176, 176, 180))
    return image


def _sign() -> Image.Image:
    image, draw = _canvas((480, 640), (226, 230, 232), (198, 202, 206))
    draw.rectangle((60, 70, 420, 560), fill="white", outline=(170, 174, 178), width=3)
    draw.ellipse((230, 84, 250, 104), fill=(190, 40, 40))
    for y, size, text in (
        (150, 52, "LIFT"),
        (214, 52, "RESTING"),
        (320, 30, "Room 2 is today"),
        (362, 30, "in Room 6"),
        (450, 24, "Need a hand?"),
        (484, 24, "Ask at the desk"),
    ):
        draw.text((240, y), text, fill=INK, font=_font(size), anchor="ma")
    return image


def _cake() -> Image.Image:
    image, draw = _canvas((640, 480), (232, 226, 214), (188, 160, 128))
    draw.ellipse((90, 250, 550, 430), fill=(246, 246, 248))
    draw.polygon(((250, 330), (430, 270), (450, 330), (450, 370), (250, 380)), fill=(232, 190, 92))
    draw.polygon(((250, 330), (430, 270), (450, 330)), fill=(252, 246, 224))
    chance = random.Random(3)
    for _ in range(70):
        x, y = chance.randint(150, 490), chance.randint(345, 412)
        draw.ellipse((x, y, x + 6, y + 4), fill=(214, 170, 84))
    draw.line((130, 400, 240, 300), fill=(150, 154, 160), width=8)
    return image


def _tea() -> Image.Image:
    image = Image.new("RGBA", (512, 512), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 390, 422, 470), fill=(238, 240, 244), outline=(150, 160, 176), width=8)
    draw.polygon(((170, 130), (342, 130), (312, 250), (334, 410), (178, 410), (200, 250)), fill=(160, 62, 24))
    draw.polygon(((170, 130), (342, 130), (332, 172), (180, 172)), fill=(232, 226, 220))
    for x in (210, 256, 302):
        draw.arc((x - 22, 40, x + 22, 84), 270, 90, fill=(180, 184, 190), width=9)
        draw.arc((x - 22, 80, x + 22, 124), 90, 270, fill=(180, 184, 190), width=9)
    return image


PHOTOS: dict[str, Drawing] = {
    "bridge": _bridge,
    "market": _market,
    "queue": _queue,
    "power": lambda: _bars(
        "Hours of supply per day, 13-19 Sep",
        ("Baghdad", "Basra", "Mosul", "Najaf", "Erbil"),
        (13.5, 15, 11, 14, 18.5),
        (216, 138, 40),
    ),
    "river": _river,
    "dust": _dust,
    "level": lambda: _curve(
        "Tigris at Sarai, metres, Aug-Sep 2021",
        (28.1, 28.0, 27.9, 27.8, 27.6, 27.5),
        (27, 28.5),
        (27, 27.5, 28, 28.5),
    ),
    "page": _page,
    "fridge": lambda: _curve(
        "Vaccine fridge, degrees C, 7 days",
        (4.2, 4.0, 4.1, 4.4, 3.9, 4.0, 4.1),
        (0, 8),
        (0, 2, 4, 6, 8),
    ),
    "sign": _sign,
    "cake": _cake,
    "clinics": lambda: _bars(
        "Flu clinics, people per Saturday", ("25 September", "2 October"), (143, 131), (0, 94, 150)
    ),
}
STICKERS: dict[str, Drawing] = {"tea": _tea}

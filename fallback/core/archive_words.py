"""The words and dates of an archive's page, in English and Arabic."""

from datetime import date

from fallback.core.events import Frozen, MediaKind

LANGUAGES = ("en", "ar")


class Words(Frozen, frozen=True):
    """One language of the page; ``{}`` is a number or a date.

    Args:
        media: what a file is called that has no name or is not there.
    """

    language: str
    direction: str
    search: str
    hits: str
    messages: str
    between: str
    months_title: str
    deleted: str
    edited: str
    forwarded: str
    missing: str
    location: str
    live_location: str
    media: dict[MediaKind, str]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]

    def day(self, day: date) -> str:
        """Write a day with its weekday."""
        comma = "،" if self.language == "ar" else ","
        return f"{self.weekdays[day.weekday()]}{comma} {day.day} {self.month(day)}"

    def month(self, day: date) -> str:
        """Write a day's month and year."""
        return f"{self.months[day.month - 1]} {day.year}"


_ENGLISH = Words(
    language="en",
    direction="ltr",
    search="Search",
    hits="{} found",
    messages="{} messages",
    between="{} to {}",
    months_title="Months",
    deleted="This message was deleted",
    edited="edited",
    forwarded="Forwarded",
    missing="not in the export",
    location="Location",
    live_location="Live location",
    media={
        MediaKind.IMAGE: "Photo",
        MediaKind.VIDEO: "Video",
        MediaKind.GIF: "GIF",
        MediaKind.AUDIO: "Audio",
        MediaKind.VOICE: "Voice message",
        MediaKind.DOCUMENT: "Document",
        MediaKind.STICKER: "Sticker",
        MediaKind.CONTACT: "Contact",
    },
    months=(
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)  # fmt: skip
_ARABIC = Words(
    language="ar",
    direction="rtl",
    search="بحث",
    hits="النتائج: {}",
    messages="عدد الرسائل: {}",
    between="من {} إلى {}",
    months_title="الشهور",
    deleted="حُذفت هذه الرسالة",
    edited="معدّلة",
    forwarded="محوّلة",
    missing="ليس في الملف المصدَّر",
    location="موقع",
    live_location="موقع مباشر",
    media={
        MediaKind.IMAGE: "صورة",
        MediaKind.VIDEO: "فيديو",
        MediaKind.GIF: "صورة متحركة",
        MediaKind.AUDIO: "ملف صوتي",
        MediaKind.VOICE: "رسالة صوتية",
        MediaKind.DOCUMENT: "مستند",
        MediaKind.STICKER: "ملصق",
        MediaKind.CONTACT: "جهة اتصال",
    },
    months=(
        "يناير/كانون الثاني", "فبراير/شباط", "مارس/آذار", "أبريل/نيسان", "مايو/أيار", "يونيو/حزيران",
        "يوليو/تموز", "أغسطس/آب", "سبتمبر/أيلول", "أكتوبر/تشرين الأول", "نوفمبر/تشرين الثاني", "ديسمبر/كانون الأول",
    ),
    weekdays=("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"),
)  # fmt: skip


def words(language: str) -> Words:
    """Give a language's words; English for one that there is none of."""
    return _ARABIC if language == "ar" else _ENGLISH

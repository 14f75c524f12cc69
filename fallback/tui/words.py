"""Events, times and sizes in words of the interface's language; no I/O."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import assert_never

from fallback.core.events import (
    Attachment,
    GroupChange,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Setting,
)
from fallback.core.trust import IdentityState, KeysState, Verification, VerificationStage
from fallback.locale import active, figures, ntr, tr
from fallback.tui import markup
from fallback.tui.fold import Tick
from fallback.tui.typeset import isolate
from fallback.tui.views import BannerKind, BannerView, PersonView, Presence


def name_of(who: Identity) -> str:
    """Give what people call somebody."""
    return who.name or who.phone or who.mxid or who.lid or tr("Somebody")


def clock_time(at: int, zone: tzinfo | None) -> str:
    """Give the time of day."""
    return figures(datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M"))


def day(at: int, now: int, zone: tzinfo | None) -> str:
    """Give the date as a divider shows it."""
    date = datetime.fromtimestamp(at / 1000, zone).date()
    ago = (datetime.fromtimestamp(now / 1000, zone).date() - date).days
    if ago == 0:
        return tr("Today")
    if ago == 1:
        return tr("Yesterday")
    weekday = _weekdays()[date.weekday()]
    month = _months()[date.month - 1]
    return tr("{weekday}, {day} {month} {year}", weekday=weekday, day=date.day, month=month, year=date.year)


def _weekdays() -> Sequence[str]:
    return (
        tr("Monday"), tr("Tuesday"), tr("Wednesday"), tr("Thursday"), tr("Friday"), tr("Saturday"), tr("Sunday"),
    )  # fmt: skip


def _months() -> Sequence[str]:
    return (
        tr("January"), tr("February"), tr("March"), tr("April"), tr("May"), tr("June"),
        tr("July"), tr("August"), tr("September"), tr("October"), tr("November"), tr("December"),
    )  # fmt: skip


def size(count: int) -> str:
    """Give a file's size."""
    if count < 1024:
        return ntr("{count} byte", "{count} bytes", count)
    if count < 1024 * 1024:
        return tr("{size} KB", size=round(count / 1024))
    return tr("{size} MB", size=figures(f"{count / 1024 / 1024:.1f}"))


def duration(ms: int) -> str:
    """Give a recording's length."""
    return figures(f"{ms // 60_000}:{ms // 1000 % 60:02d}")


BARS = "▁▂▃▄▅▆▇█"
WIDEST = 24
"""Cells of a voice note's loudness."""


def waveform(steps: Sequence[int]) -> str:
    """Draw how loud a voice note is, the loudest of each part."""
    count = min(WIDEST, len(steps))
    edges = [place * len(steps) // count for place in range(count + 1)]
    loudest = [max(steps[start:end]) for start, end in pairwise(edges)]
    return "".join(BARS[min(max(step, 0) * len(BARS) // 1025, len(BARS) - 1)] for step in loudest)


def attachment(file: Attachment) -> str:
    """Say what a file is, in one line."""
    glyph, word = _kind(file.kind)
    parts = [word if file.kind is MediaKind.VOICE else file.filename or word]
    if file.waveform:
        parts.append(waveform(file.waveform))
    if file.duration_ms:
        parts.append(duration(file.duration_ms))
    if file.width and file.height:
        parts.append(f"{file.width}×{file.height}")
    if file.size:
        parts.append(size(file.size))
    if not file.source:
        parts.append(tr("not in the export"))
    return f"{glyph} " + " · ".join(isolate(part) for part in parts)


def _kind(kind: MediaKind) -> tuple[str, str]:
    match kind:
        case MediaKind.IMAGE:
            return "📷", tr("Photo")
        case MediaKind.VIDEO:
            return "🎬", tr("Video")
        case MediaKind.GIF:
            return "🎞", tr("GIF")
        case MediaKind.AUDIO:
            return "🎵", tr("Audio")
        case MediaKind.VOICE:
            return "🎤", tr("Voice message")
        case MediaKind.DOCUMENT:
            return "📄", tr("Document")
        case MediaKind.STICKER:
            return "🏷", tr("Sticker")
        case MediaKind.CONTACT:
            return "👤", tr("Contact")
        case _:
            assert_never(kind)


def snippet(event: Message, text: str) -> str:
    """Say a message in one line, for quotes and lists."""
    if event.poll:
        return f"📊 {event.poll.question}"
    if event.location:
        return f"📍 {event.location.name or tr('Location')}"
    if event.attachment and not text:
        return attachment(event.attachment)
    return " ".join(markup.bare(text).split())


def system(event: Membership | GroupChange | Notice) -> str:
    """Say what a system line says."""
    match event:
        case Notice():
            return event.text
        case Membership() | GroupChange() if event.text:
            return event.text
        case Membership():
            return _membership(event)
        case GroupChange():
            return _setting(event)
        case _:
            assert_never(event)


def _membership(event: Membership) -> str:
    who = isolate(name_of(event.sender))
    members = tr(", ").join(isolate(name_of(one)) for one in event.members) or who
    match event.change:
        case MembershipChange.CREATED:
            return tr("{who} created the group", who=who)
        case MembershipChange.ADDED if event.members and event.members[0].key == event.sender.key:
            return tr("{members} joined", members=members)
        case MembershipChange.ADDED:
            return tr("{who} added {members}", who=who, members=members)
        case MembershipChange.REMOVED:
            return tr("{who} removed {members}", who=who, members=members)
        case MembershipChange.LEFT:
            return tr("{members} left", members=members)
        case MembershipChange.JOINED_BY_LINK:
            return tr("{members} joined", members=members)
        case MembershipChange.INVITED:
            return tr("{who} invited {members}", who=who, members=members)
        case MembershipChange.PROMOTED:
            return tr("{members} is now an admin", members=members)
        case MembershipChange.DEMOTED:
            return tr("{members} is no longer an admin", members=members)
        case MembershipChange.NUMBER_CHANGED:
            return tr("{members} changed their number", members=members)
        case _:
            assert_never(event.change)


def _setting(event: GroupChange) -> str:
    who = isolate(name_of(event.sender))
    match event.setting:
        case Setting.SUBJECT:
            return tr("{who} named the group “{value}”", who=who, value=isolate(event.value))
        case Setting.DESCRIPTION:
            return tr("{who} changed the description", who=who)
        case Setting.ICON:
            return tr("{who} changed the group's picture", who=who)
        case Setting.ANNOUNCE_ONLY:
            return tr("{who} changed who may write", who=who)
        case Setting.EDIT_LOCKED:
            return tr("{who} changed who may edit the group", who=who)
        case Setting.DISAPPEARING:
            return tr("{who} changed the timer of disappearing messages", who=who)
        case Setting.PIN:
            return tr("{who} pinned a message", who=who)
        case _:
            assert_never(event.setting)


TICKS = {Tick.NONE: "", Tick.QUEUED: "🕓", Tick.SENT: "✓", Tick.READ: "✓✓", Tick.FAILED: "⚠"}


def tick(mark: Tick) -> str:
    """Say what a tick means."""
    match mark:
        case Tick.NONE:
            return ""
        case Tick.QUEUED:
            return tr("waiting on this computer")
        case Tick.SENT:
            return tr("on the server")
        case Tick.READ:
            return tr("read")
        case Tick.FAILED:
            return tr("not sent")
        case _:
            assert_never(mark)


def typing(names: Sequence[str]) -> str:
    """Say who is writing."""
    if len(names) == 1:
        return tr("{name} is typing…", name=isolate(names[0]))
    return ntr("{count} person is typing…", "{count} people are typing…", len(names))


def presence(person: PersonView) -> tuple[str, str]:
    """Give a glyph and a word for where a person is."""
    match person.presence:
        case Presence.HERE:
            return "●", tr("here")
        case Presence.INVITED:
            return "◌", tr("invited")
        case Presence.MISSING:
            return "✗", tr("missing")
        case _:
            assert_never(person.presence)


def banner(view: BannerView) -> tuple[str, str, str]:
    """Give the banner's glyph, its sentence and what to do next, with the key."""
    queued = (
        ntr("{count} message waits here", "{count} messages wait here", view.waiting) if view.waiting else ""
    )
    held = ntr("{count} waits for WhatsApp", "{count} wait for WhatsApp", view.held) if view.held else ""
    extra = "".join(f" · {part}" for part in (queued, held) if part)
    match view.kind:
        case BannerKind.OK:
            return "●", tr("Matrix OK") + extra, tr("F1 help")
        case BannerKind.MIRRORING:
            return "●", tr("WhatsApp OK, mirroring") + extra, tr("F1 help")
        case BannerKind.DEGRADED:
            return "◐", tr("WhatsApp is unsteady, keep this open") + extra, tr("F2 who is here")
        case BannerKind.DOWN:
            here = tr("{here} of {all} reached", here=view.reached, all=view.members)
            team = tr("WhatsApp DOWN, the team is HERE")
            return "■", team + (f" · {here}" if view.members else "") + extra, tr("F2 who is missing")
        case BannerKind.RECOVERING:
            return "◑", tr("WhatsApp is coming back, stay here for now") + extra, tr("F2 who is here")
        case BannerKind.RECONNECTING:
            again = ntr("Reconnecting in {count} second", "Reconnecting in {count} seconds", view.seconds)
            return "↻", again + extra, tr("keep writing, nothing is lost")
        case BannerKind.OFFLINE:
            return "✗", tr("OFFLINE") + extra, tr("keep writing, nothing is lost")
        case _:
            assert_never(view.kind)


TRUST_MARKS = {"unsigned": "◇", "unknown": "◇", "clear": "◇", "mismatched": "⚠"}
"""Quiet marks of messages whose sender is not proven; Details has the words."""


def trust(verdict: str) -> str:
    """Say how well a message's sender is proven; empty where nothing is known."""
    match verdict:
        case "ok":
            return tr("encrypted, from a device that its owner has signed")
        case "unsigned":
            return tr("◇ sent from a device that its owner has not signed")
        case "unknown":
            return tr("◇ sent from a device that is not known any more")
        case "clear":
            return tr("◇ not encrypted, though the group is: anybody on the way may have written it")
        case "mismatched":
            return tr("⚠ its key belongs to somebody else")
        case "imported":
            return tr("history given by another person, or out of a backup")
        case _:
            return ""


def emoji(number: int) -> tuple[str, str]:
    """Give a sign of a verification, and its name."""
    from fallback.core.emoji import EMOJI  # noqa: PLC0415 - a table that the first frame does without

    glyph, english, arabic = EMOJI[number]
    return glyph, arabic if active().language == "ar" else english


def identity(state: KeysState) -> tuple[str, str]:
    """Say how this device stands with its account's identity: a glyph and a sentence with what to press."""
    match state.identity:
        case IdentityState.NONE:
            return "○", tr("This account has no keys yet: 1 makes them and shows the recovery key")
        case IdentityState.LOCKED:
            return "◐", tr("Others can't trust this device yet: 1 takes the recovery key, 2 another device")
        case IdentityState.READY:
            return "●", tr("This device is signed; others can read what you write and know that it is you")
        case _:
            assert_never(state.identity)


def spaced(code: str) -> str:
    """Write a fingerprint in groups of four, as people read it aloud."""
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def verification(flow: Verification, name: str) -> str:
    """Say how far a verification is, and what to do."""
    who = isolate(name)
    match flow.stage:
        case VerificationStage.ASKED if flow.ours:
            return tr("Asked. {name} has to accept it on the other device.", name=who)
        case VerificationStage.ASKED:
            return tr("{name} wants to make sure that nobody listens in. Sit together, or call.", name=who)
        case VerificationStage.COMPARE:
            return tr("Does {name} see the same seven, in the same order?", name=who)
        case VerificationStage.WAITING:
            return tr("Waiting for {name} to compare them too…", name=who)
        case VerificationStage.DONE:
            return tr("✓ Done. {name} is verified.", name=who)
        case VerificationStage.CANCELLED:
            return _stopped(flow, who)
        case _:
            assert_never(flow.stage)


def _stopped(flow: Verification, who: str) -> str:
    match flow.why:
        case "m.mismatched_sas":
            return tr(
                "⚠ The emojis differ: somebody may be listening in. Don't send secrets; talk in person."
            )
        case "m.timeout":
            return tr("It took too long, and was stopped. Begin again.")
        case "m.accepted":
            return tr("It was answered on another device.")
        case _:
            return tr("{name} or you stopped it. Nothing has changed.", name=who)

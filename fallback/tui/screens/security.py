"""Keys and devices on the main screen: the identity, its recovery key, verification by emoji, changed identities."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual import work

from fallback.core.ids import UserId
from fallback.core.roster import fold, is_ghost
from fallback.core.trust import IdentityState, Keys, KeysState, OwnDevice, Verification, VerificationStage
from fallback.errors import AuthError, FallbackError, UsageError
from fallback.locale import ntr, tr
from fallback.paths import private_file
from fallback.text import sanitise_name
from fallback.tui import words
from fallback.tui.screens.finding import Finding, windows
from fallback.tui.typeset import isolate
from fallback.tui.views import Choice, PersonView
from fallback.tui.widgets.asked import KeysBar, Paragraph

SHORTEST = 8
"""Characters of the passphrase that guards exported keys."""
OPEN = {VerificationStage.ASKED, VerificationStage.COMPARE}


def asking() -> Any:
    """Load the windows that ask when the first one opens."""
    from fallback.tui.screens import asking as found  # noqa: PLC0415

    return found


class Security(Finding):
    """Mixed into the main screen, beside what else it does through windows."""

    # ── what is told at once ────────────────────────────────────────────────────────────────────

    async def show_keys_bar(self) -> None:
        """Say what about the keys wants the person, above what is being written; it takes no key from it."""
        keys = self.main.session.keys
        text, urgent = ("", False) if keys is None else await self._news(keys)
        self.main.query_one(KeysBar).show(text, urgent=urgent)
        if keys is not None and await self.main.session.get("identity") == "ask":
            await self.main.session.put("identity", "")
            if (await keys.state()).identity is not IdentityState.READY:
                self.action_keys()

    async def _news(self, keys: Keys) -> tuple[str, bool]:
        flow = _open(keys)
        if flow is not None:
            who = isolate(await self._called(flow.user))
            return tr("🔔 F3 · {name} compares emoji with you", name=who), True
        changed = await self._changed_here(keys)
        if changed:
            who = isolate(await self._called(changed[0][0]))
            return tr("⚠ F3 · {name} has new keys; what you write here waits", name=who), True
        state = await keys.state()
        match state.identity:
            case IdentityState.NONE:
                return tr("🔑 This account has no keys yet · F3"), False
            case IdentityState.LOCKED:
                return tr("🔑 This device is not signed, others may not read you · F3"), True
        waits = ntr(
            "🔒 {count} message waits for its key · F3",
            "🔒 {count} messages wait for their key · F3",
            state.waiting,
        )
        return (waits if state.waiting else ""), False

    async def held_back(self) -> bool:
        """Ask what becomes of a changed identity before anything is said to it."""
        keys = self.main.session.keys
        changed = [] if keys is None else await self._changed_here(keys)
        if keys is not None and changed:
            self._ask_changed(keys, changed[0], send=True)
        return bool(changed)

    async def _changed_here(self, keys: Keys) -> list[tuple[UserId, str]]:
        changed, portal = keys.changed(), self.main.current
        if not changed or portal is None:
            return []
        here = {one.contact for one in await self.main.session.people(portal)}
        return [(user, fingerprint) for user, fingerprint in changed.items() if user in here]

    async def _called(self, user: UserId) -> str:
        if user == self.main.session.me:
            return tr("another device of yours")
        portal = self.main.current
        people = await self.main.session.people(portal) if portal else []
        name = next((sanitise_name(one.name) for one in people if one.contact == user), "")
        return f"{name} ({user})" if name and name != user else sanitise_name(user)

    # ── the window of keys ──────────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="keys")
    async def action_keys(self) -> None:
        """Open what waits for the person, or else show how the keys stand."""
        keys = self.main.session.keys
        if keys is None:
            self.client.say(tr("Keys come with the connection; wait a moment"))
            return
        if flow := _open(keys):
            await self._show_flow(keys, flow)
            return
        if changed := await self._changed_here(keys):
            self._ask_changed(keys, changed[0])
            return
        try:
            state, devices = await keys.state(), await keys.devices()
            offer = asking().Offer(
                self.main.setting, tr("Keys and devices"), _standing(state, devices), _choices(state)
            )
            chosen = await self.client.push_screen_wait(offer)
            if chosen is not None:
                await self._do_with_keys(keys, chosen)
        except FallbackError as error:
            self.client.complain(error)
        await self.show_keys_bar()

    async def _do_with_keys(self, keys: Keys, chosen: str) -> None:
        match chosen:
            case "begin":
                await self._begin(keys)
            case "recover":
                await self._recover(keys)
            case "device":
                await self._show_flow(keys, await keys.verify(self.main.session.me))
            case "person":
                self.action_verify()
            case "export":
                await self._export(keys)
            case "import":
                await self._import(keys)

    async def _begin(self, keys: Keys) -> None:
        recovery: str | None
        try:
            recovery = await keys.begin()
        except AuthError:
            asked = asking()

            async def begin(typed: Mapping[str, str]) -> str:
                return await keys.begin(typed["password"])

            why = Paragraph(tr("The homeserver wants your password before it takes new keys."))
            question = asked.Question("password", tr("Password"), secret=True)
            form = asked.Asking(self.main.setting, tr("Make the keys"), [why], [question], begin)
            recovery = await self.client.push_screen_wait(form)
        if recovery:
            from fallback.tui.screens.verifying import RecoveryKey  # noqa: PLC0415

            await self.client.push_screen_wait(RecoveryKey(self.main.setting, recovery))
            self.client.say(tr("Your keys are ready"))

    async def _recover(self, keys: Keys) -> None:
        async def recover(typed: Mapping[str, str]) -> str:
            return str(await keys.recover(typed["recovery"].strip()))

        asked = asking()
        why = Paragraph(
            tr("It is the one that you wrote down; spaces don't count. A passphrase does as well.")
        )
        question = asked.Question("recovery", tr("Recovery key or passphrase"), "EsTc LW2K PGiF wKEA …")
        form = asked.Asking(self.main.setting, tr("Sign this device"), [why], [question], recover)
        restored = await self.client.push_screen_wait(form)
        if restored is not None:
            self._tell_new(int(restored))

    def _tell_new(self, count: int) -> None:
        self.client.say(
            ntr("{count} key of older messages is new", "{count} keys of older messages are new", count)
        )

    async def _export(self, keys: Keys) -> None:
        async def export(typed: Mapping[str, str]) -> str:
            if typed["passphrase"] != typed["again"]:
                raise UsageError(tr("The two passphrases differ"), tr("Type the second one again."))
            if len(typed["passphrase"]) < SHORTEST:
                raise UsageError(tr("The passphrase is too short"), tr("Take eight characters or more."))
            text = await keys.export_keys(typed["passphrase"])
            await asyncio.to_thread(_write, typed["file"], text)
            return typed["file"]

        asked = asking()
        why = Paragraph(tr("The file opens all your encrypted messages: keep it as you keep a key."))
        questions = [
            asked.Question("file", tr("File"), value="fallback-keys.txt"),
            asked.Question("passphrase", tr("Passphrase for the file"), secret=True),
            asked.Question("again", tr("The same passphrase again"), secret=True),
        ]
        form = asked.Asking(self.main.setting, tr("Save message keys to a file"), [why], questions, export)
        written = await self.client.push_screen_wait(form)
        if written is not None:
            self.client.say(tr("Saved: {file}", file=isolate(written)))

    async def _import(self, keys: Keys) -> None:
        async def read(typed: Mapping[str, str]) -> str:
            text = await asyncio.to_thread(_read, typed["file"])
            return str(await keys.import_keys(text, typed["passphrase"]))

        asked = asking()
        questions = [
            asked.Question("file", tr("File")),
            asked.Question("passphrase", tr("Passphrase for the file"), secret=True),
        ]
        why = Paragraph(tr("A file of keys that this program, or Element, has saved."))
        form = asked.Asking(self.main.setting, tr("Read message keys from a file"), [why], questions, read)
        taken = await self.client.push_screen_wait(form)
        if taken is not None:
            self._tell_new(int(taken))

    # ── verification ────────────────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="verify")
    async def action_verify(self) -> None:
        """Choose a person of the group, and ask to compare emoji."""
        keys, portal = self.main.session.keys, self.main.current
        if keys is None or portal is None:
            self.client.say(tr("Keys come with the connection; wait a moment"))
            return
        people = [one for one in await self.main.session.people(portal) if _can_verify(one)]

        async def find(query: str) -> Sequence[Choice]:
            return [
                Choice(one.contact, sanitise_name(one.name), one.contact)
                for one in people
                if fold(query) in fold(one.name)
            ]

        picker = windows().Picker(self.main.setting, tr("Compare emoji with somebody"), find)
        chosen = await self.client.push_screen_wait(picker)
        if chosen is not None:
            await self._verify(keys, UserId(chosen))

    async def _verify(self, keys: Keys, user: UserId) -> None:
        portal = self.main.current
        try:
            flow = await keys.verify(user, await self.main.session.room(portal) if portal else None)
            await self._show_flow(keys, flow)
        except FallbackError as error:
            self.client.complain(error)

    async def _show_flow(self, keys: Keys, flow: Verification) -> None:
        from fallback.tui.screens.verifying import Verifying  # noqa: PLC0415

        name = await self._called(flow.user)
        window = Verifying(self.main.setting, self.main.session, keys, flow, name)
        await self.client.push_screen_wait(window)
        await self.show_keys_bar()

    @work(exclusive=True, group="changed")
    async def _ask_changed(self, keys: Keys, changed: tuple[UserId, str], *, send: bool = False) -> None:
        """Ask about a changed identity; taken, what was to be sent goes out."""
        user, fingerprint = changed
        name = await self._called(user)
        said = [
            Paragraph(
                tr(
                    "{name} signed in anew, or somebody pretends to be them. Ask them by phone or face to face.",
                    name=isolate(name),
                )
            ),
            Paragraph(tr("Their new fingerprint:"), "dim"),
            Paragraph(words.spaced(fingerprint), "strong", code=True),
        ]
        choices = [
            Choice("verify", tr("Compare by emoji"), "1"),
            Choice("accept", tr("Accept: I have asked them"), "2"),
            Choice("", tr("Not now: send nothing here"), "3"),
        ]
        title = tr("⚠ The keys of {name} have changed", name=isolate(name))
        chosen = await self.client.push_screen_wait(asking().Offer(self.main.setting, title, said, choices))
        if chosen == "verify":
            await self._verify(keys, user)
        elif chosen == "accept":
            try:
                await keys.accept_identity(user, fingerprint)
            except FallbackError as error:
                self.client.complain(error)
                return
            if send:
                self.main.composer.action_submit()
        await self.show_keys_bar()


def _open(keys: Keys) -> Verification | None:
    """Give the newest verification that waits for this person."""
    waits = (
        one
        for one in keys.verifications()
        if one.stage in OPEN and not (one.ours and one.stage is VerificationStage.ASKED)
    )
    return next(waits, None)


def _can_verify(one: PersonView) -> bool:
    return one.contact.startswith("@") and not one.me and not is_ghost(one.contact)


def _standing(state: KeysState, devices: Sequence[OwnDevice]) -> list[Paragraph]:
    glyph, sentence = words.identity(state)
    look = "good" if state.identity is IdentityState.READY else "warn"
    said = [Paragraph(f"{glyph} {sentence}", look)]
    if state.waiting:
        waits = ntr("{count} message waits for its key", "{count} messages wait for their key", state.waiting)
        said.append(Paragraph(f"🔒 {waits}"))
    said.append(Paragraph(tr("Your devices"), "dim"))
    for one in devices:
        mark, word = ("✓", tr("signed")) if one.signed else ("◇", tr("not signed"))
        name = isolate(sanitise_name(one.name) or one.id)
        this = f" · {tr('this one')}" if one.this else ""
        said.append(Paragraph(f"{mark} {name} {isolate(one.id)} · {word}{this}"))
    return [
        *said,
        Paragraph(tr("Fingerprint of this device"), "dim"),
        Paragraph(words.spaced(state.fingerprint), code=True),
    ]


def _choices(state: KeysState) -> list[Choice]:
    begin = ("begin", tr("Make the keys, and a recovery key"))
    device = ("device", tr("Compare emoji with another device of yours"))
    first = {
        IdentityState.NONE: [begin],
        IdentityState.LOCKED: [("recover", tr("Type the recovery key or passphrase")), device],
        IdentityState.READY: [("person", tr("Compare emoji with somebody")), device],
    }[state.identity]
    files = [("export", tr("Save message keys to a file")), ("import", tr("Read message keys from a file"))]
    return [Choice(value, label, str(place)) for place, (value, label) in enumerate([*first, *files], 1)]


def _write(name: str, text: str) -> None:
    try:
        private_file(Path(name).expanduser(), text.encode())
    except OSError as error:
        raise UsageError(tr("The file can't be written: {why}", why=error.strerror or "?")) from error


def _read(name: str) -> str:
    try:
        return Path(name).expanduser().read_text("utf-8")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or tr("it is no text")
        raise UsageError(tr("The file can't be read: {why}", why=why)) from error

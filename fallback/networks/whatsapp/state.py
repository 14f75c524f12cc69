"""Derives the state of a group at the end of its export from its system lines."""

from fallback.core.events import Group
from fallback.core.ids import ChatId
from fallback.networks.whatsapp.people import identify
from fallback.networks.whatsapp.systems import YOU, SystemLine


class GroupState:
    """Follows who is in, who leads and what is set."""

    def __init__(self) -> None:
        self.created = ""
        self.renamed = ""
        self._members: dict[str, None] = {}
        self._gone: set[str] = set()
        self._admins: dict[str, None] = {}
        self._announce = False
        self._timer = 0

    def apply(self, said: SystemLine) -> None:
        """Take the next system line into account."""
        match said.kind:
            case "group_created":
                self.created = said.value or self.created
                self._enter(said.actor)
                if said.actor:
                    self._admins[said.actor] = None
            case "subject_changed":
                self.renamed = said.value or self.renamed
                self._enter(said.actor)
            case "member_added" | "member_joined_link" | "community":
                for member in (*said.members, said.actor):
                    self._enter(member)
            case "member_removed" | "member_left":
                for member in said.members:
                    self._leave(member)
            case "number_changed":
                if said.value and said.actor in self._members:
                    self._leave(said.actor)
                    self._enter(said.value)
            case "admin_changed":
                self._rank(said)
            case "settings_changed" if said.key in {"only_admins_send", "all_send"}:
                self._announce = said.key == "only_admins_send"
            case "disappearing_changed":
                self._timer = int(said.value) if said.value.isdigit() else 0
            case _:
                return

    def spoke(self, labels: list[str | None]) -> None:
        """Count those who left and write again as back."""
        back = self._gone.intersection(labels)
        for label in sorted(back, key=labels.index):
            self._enter(label)

    def _enter(self, name: str) -> None:
        if name:
            self._members[name] = None
            self._gone.discard(name)

    def _leave(self, name: str) -> None:
        self._members.pop(name, None)
        self._admins.pop(name, None)
        self._gone.add(name)

    def _rank(self, said: SystemLine) -> None:
        for member in said.members:
            if said.key in {"admin_no_more", "lost_admin", "admin_off_by"}:
                self._admins.pop(member, None)
            else:
                self._admins[member] = None
                self._enter(member)

    def group(self, chat: ChatId, name: str, writers: list[str], me: str) -> Group:
        """Give the group; whoever wrote and never left is a member."""
        gone = {identify(n, me).key for n in self._gone}
        members = {identify(n, me).key or YOU: identify(n, me) for n in (*self._members, *writers)}
        admins = {identify(n, me).key or YOU: identify(n, me) for n in self._admins}
        return Group(
            chat=chat,
            name=name,
            members=tuple(p for key, p in members.items() if key not in gone),
            admins=tuple(p for key, p in admins.items() if key not in gone),
            announce_only=self._announce,
            disappearing=self._timer,
        )

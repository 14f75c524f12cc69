"""A plan and a result as a person reads them."""

from zoneinfo import ZoneInfo

from fallback.cli.plan import describe, result
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.migration import plan
from fallback.core.verification import Verification

SARA = Identity(name="Sara", phone="+9647700000000")


def test_a_plan_names_room_people_history_and_duration():
    group = Group(chat=ChatId("c"), name="Newsroom", description="news", members=(SARA,), admins=(SARA,))
    event = Message(
        id=SourceId("1"), chat=group.chat, sender=SARA, at=1_633_361_880_000, origin=Origin.EXPORT, text="x"
    )
    shown = "\n".join(
        describe(plan(group, [event], server_name="s", missing=2, warnings=["odd"]), ZoneInfo("Asia/Baghdad"))
    )
    for words in (
        "Newsroom",
        "news",
        "1 events",
        "2021-10-04 18:38",
        "2 missing",
        "★ Sara",
        "@wa_9647700000000:s",
        "phone number",
        "Warning     odd",
    ):
        assert words in shown


def test_a_result_counts_what_differs():
    assert result(Verification(5, 5)).endswith("5 in the room, 0 differences")
    shown = result(Verification(5, 4, missing=(SourceId("a"),), doubled=(SourceId("b"),)))
    assert shown.endswith("2 differences (1 missing, 1 twice)")

"""Who is who."""

from fallback.core.events import NOBODY, Identity
from fallback.core.roster import fold, ghost, is_ghost, merge


def test_two_spellings_of_an_arabic_name_fold_to_one():
    assert fold("أحمـــد  الطَّيِّب") == fold("احمد الطيب")
    assert fold("منى") == fold("مني")
    assert fold("فاطمة") == fold("فاطمه")


def test_a_ghost_is_named_by_number_then_lid_then_name():
    assert ghost(Identity(phone="+962 7 9000", name="x"), "s") == "@wa_96279000:s"
    assert ghost(Identity(lid="77", name="x"), "s") == "@wa_lid-77:s"
    assert ghost(Identity(name="أحمد"), "s") == ghost(Identity(name="احمد"), "s")
    assert ghost(NOBODY, "s") == "@wa_whatsapp:s"


def test_only_users_of_the_namespace_are_ghosts():
    assert is_ghost("@wa_1:s")
    assert not is_ghost("@sara:s")


def test_one_person_under_number_and_name_is_one_member():
    people = merge(
        [
            Identity(name="Sara", phone="+1"),
            Identity(phone="+1", lid="9"),
            Identity(lid="9", name="~S"),
            Identity(name="Omar"),
        ],
        admins=[Identity(lid="9")],
    )
    assert [person.name for person in people] == ["Sara", "Omar"]
    assert len(people[0].identities) == 3
    assert people[0].admin
    assert not people[1].admin


def test_nobody_is_no_person():
    assert merge([NOBODY]) == ()

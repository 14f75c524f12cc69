"""Contacts and plans as they are told."""

from fallback.core.contact_files import Problem, Reading
from fallback.core.contact_plan import ChangeKind, plan_import
from fallback.core.contact_report import as_object, describe, differences, lines, plan_object
from fallback.core.contacts import Contact
from tests.core.contact_world import HUDA, PNG, ids, person, reading

OMAR = person("Omar", "+962790000009", id="c2")


def test_a_plan_is_told_in_lines():
    file = Reading(
        reading(person("Mona", "+962790000003"), person("Umar", "+962790000009")).cards, (Problem(7, "bad"),)
    )
    assert describe(plan_import([OMAR], file, ids())) == [
        "1 new, 1 updated, 0 same, 0 conflicts, 1 lines passed over",
        "new       Mona  +962790000003",
        "updated   Omar: + Umar",
        "line 7: bad",
    ]


def test_differences_name_every_field():
    told = differences(Contact(name="A", notes="x"), HUDA)
    assert {"name هدى الحسن", "+ Huda", "+ +962790000001", "notes", "photo", "extra"} <= set(told)
    assert differences(HUDA, HUDA) == []
    assert ChangeKind("new") is ChangeKind.NEW


def test_a_plan_is_an_object_too():
    told = plan_object(plan_import([OMAR, HUDA], reading(person("Umar", "+962790000009"), HUDA), ids()))
    assert told == {
        "new": 0,
        "updated": 1,
        "same": 1,
        "conflict": 0,
        "changes": [{"kind": "updated", "line": 1, "id": "c2", "name": "Omar", "differences": ["+ Umar"]}],
        "problems": (),
    }


def test_a_contact_is_told_with_the_size_of_its_photo():
    assert as_object(HUDA)["photo"] == len(PNG)
    assert f"photo     {len(PNG)} bytes" in lines(HUDA)
    assert "phones    +962790000002" in lines(HUDA)

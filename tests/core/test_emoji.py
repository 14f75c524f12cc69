"""The signs of a verification are those of the specification, and can be told apart in each language."""

from nio.crypto import Sas

from fallback.core.emoji import EMOJI
from fallback.text import sanitise


def test_there_are_64_signs_each_told_apart_by_sign_and_by_either_name():
    for column in zip(*EMOJI, strict=True):
        assert len(set(column)) == 64


def test_the_signs_stand_in_the_order_that_other_clients_have():
    assert [sign for sign, _, _ in EMOJI] == [sign for sign, _ in Sas.emoji]


def test_names_are_printable_as_they_are():
    assert all(sanitise(part) == part and part.strip() == part for row in EMOJI for part in row)


def test_names_are_those_of_the_specification():
    assert EMOJI[0][1:] == ("Dog", "كلب")
    assert EMOJI[34][1:] == ("Spanner", "مِفتَاحُ رَبط")
    assert EMOJI[53][1:] == ("Aeroplane", "طَائِرة")
    assert EMOJI[63][1] == "Pin"

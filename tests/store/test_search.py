"""When two spellings are one word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import Attachment, Location, MediaKind, Message, Reaction
from fallback.store.search import fold, spoken, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("مُحَمَّدٌ", "محمد"),
        ("ســـلام", "سلام"),
        ("أحمد إيمان آمال ٱلله", "احمد ايمان امال الله"),
        ("مصطفى", "مصطفي"),
        ("مدرسة", "مدرسه"),
        ("مسؤول رئيس", "مسوول رييس"),
        ("کتاب یک", "كتاب يك"),
        ("می‌خواهم", "ميخواهم"),
        ("٢٠٢١ ۲۰۲۱", "2021 2021"),
        ("ÉCOLE Straße", "ecole strasse"),
        ("ﷺ", "صلي الله عليه وسلم"),
    ],
)
def test_spellings_of_a_word_are_one(one, other):
    assert fold(one) == fold(other) == other


@pytest.mark.parametrize(("one", "other"), [("حرب", "حزب"), ("team", "teams"), ("٣", "4")])
def test_other_words_stay_apart(one, other):
    assert fold(one) != fold(other)


def test_words_are_split_at_marks_and_emoji():
    assert words("Hi, أهلاً!👍snake_case") == ["hi", "اهلا", "snake", "case"]


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    assert all(words(text))


@given(st.text(alphabet=st.sampled_from("abcÉéßأإآاىيةهـَُّکی ٠9"), max_size=30))
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


def test_a_file_and_a_place_are_found_by_name():
    file = Attachment(kind=MediaKind.DOCUMENT, filename="budget.pdf")
    place = Location(1.0, 2.0, name="Office", address="Street 5")
    assert spoken(Message(id="a", chat="c", text="see", attachment=file)) == "see\nbudget.pdf"
    assert spoken(Message(id="a", chat="c", location=place)) == "Office\nStreet 5"
    assert spoken(Reaction(id="a", chat="c", target="b", key="👍")) == ""

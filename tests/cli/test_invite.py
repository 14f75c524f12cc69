"""``fallback invite``: who can be named, and for which group."""

import pytest

from fallback.__main__ import main as program
from fallback.compose.joining import ghosts_of
from fallback.core.contact_book import Book
from fallback.core.contacts import Contact, tidy
from fallback.core.events import Identity
from fallback.core.ids import ContactId
from fallback.core.roster import ghost


def run(*arguments):
    try:
        program(["invite", *arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.mark.parametrize("user", ["sara", "@sara", "@wa_962790000001:fallback.local"])
def test_only_a_persons_matrix_id_is_invited(user, capsys):
    assert run(user) == 2
    assert "is no person's Matrix id" in capsys.readouterr().err


def test_nobody_named_is_a_wrong_usage(capsys):
    assert run() == 2
    assert "nobody was named" in capsys.readouterr().err


def test_an_account_is_known_by_allghosts_of_its_contact():
    contact = Contact(
        id=ContactId("c1"), name="Sara", aliases=("سارة",), phones=("+962790000001",), mxids=("@sara:s",)
    )
    book = Book([tidy(contact)])
    people = (Identity(phone="+962790000001"), Identity(name="سارة"), Identity(name="Omar"))
    ghosts = {ghost(one, "s") for one in people}
    assert ghosts_of("@sara:s", book, ghosts) & ghosts == {ghost(one, "s") for one in people[:2]}

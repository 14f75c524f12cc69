"""Contacts for the tests: made by hand, and any at all."""

import itertools

from hypothesis import strategies as st

from fallback.core.contact_files import Card, Reading, claimed
from fallback.core.contacts import Contact, Trust, tidy
from fallback.core.ids import ContactId

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4

HUDA = tidy(
    Contact(
        id=ContactId("c1"),
        name="هدى الحسن",
        given="هدى",
        family="الحسن",
        aliases=("Huda", "أم علي"),
        phones=("+962790000001", "+962790000002"),
        lids=("123456789012345",),
        mxids=("@huda:example.org",),
        emails=("huda@example.org",),
        channels=("ntfy:news; night, desk",),
        notes="first line\nsecond; line, with \\ signs",
        photo=PNG,
        trust=Trust.CLAIMED,
        extra=("ORG:Ward 7;Cardiology", "item1.ADR;TYPE=HOME:;;12 Main\\, St;Amman;;;"),
    )
)


def ids(start=1):
    return (ContactId(f"n{number}") for number in itertools.count(start))


def reading(*contacts):
    return Reading(tuple(Card(claimed(one), number) for number, one in enumerate(contacts, 1)))


def person(name="", *phones, **fields):
    return tidy(Contact(name=name, phones=phones, **fields))


words = st.text(max_size=40)
phones = st.integers(10**8, 10**13).map(lambda number: f"+962{number}"[:14])
some = {"max_size": 3}
contacts = st.builds(
    Contact,
    name=words,
    given=words,
    family=words,
    aliases=st.lists(words, **some).map(tuple),
    phones=st.sampled_from([f"+96279000000{n}" for n in range(9)]).map(lambda one: (one,)) | st.just(()),
    lids=st.lists(st.from_regex(r"[0-9]{5,20}", fullmatch=True), **some).map(tuple),
    mxids=st.lists(st.from_regex(r"@[!-9;-~]{1,9}:[a-z.]{1,9}", fullmatch=True), **some).map(tuple),
    emails=st.lists(st.emails() | words, **some).map(tuple),
    channels=st.lists(words.map("ntfy:{}".format), **some).map(tuple),
    notes=st.text(max_size=200),
    photo=st.binary(max_size=99).map(lambda data: PNG + data) | st.just(b""),
    extra=st.lists(st.sampled_from(["ORG:Ward 7;Cardiology", "item2.X-SKYPE;TYPE=a:b\\, c"]), **some).map(
        tuple
    ),
).map(tidy)
few_names = st.sampled_from(["", "Huda", "هُدى", "هدي", "Omar", "+962790000003"])
people = st.builds(
    Contact,
    name=few_names,
    aliases=st.lists(few_names, max_size=1).map(tuple),
    phones=st.lists(st.sampled_from([f"+96279000000{n}" for n in range(4)]), max_size=2).map(tuple),
    mxids=st.lists(st.sampled_from(["@a:x.org", "@b:x.org"]), max_size=1).map(tuple),
    emails=st.lists(st.sampled_from(["a@x.org", "b@x.org"]), max_size=1).map(tuple),
    notes=st.sampled_from(["", "one", "two"]),
).map(tidy)

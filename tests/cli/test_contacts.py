"""``fallback contacts`` from its first person to an export."""

import json

import pytest

from fallback.__main__ import main as program

PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)


@pytest.fixture
def run(capsys):
    def call(*arguments, code=0):
        with pytest.raises(SystemExit) as end:
            program(["contacts", *map(str, arguments)])
        shown = capsys.readouterr()
        assert (end.value.code or 0) == code, shown.err
        assert "Traceback" not in shown.err
        return shown

    return call


@pytest.fixture
def people(run):
    """Give the ids of Huda and Omar."""
    huda = run("add", "هدى الحسن", "--phone", "0790000001", "--region", "JO", "--alias", "Huda", "--json")
    omar = run("add", "Omar", "--phone", "+962790000009", "--matrix", "@omar:example.org", "--json")
    return json.loads(huda.out)["id"], json.loads(omar.out)["id"]


def everyone(run):
    return json.loads(run("list", "--json").out)


def test_people_are_listed_and_found_however_they_are_spelt(run, people):
    assert run("list").out.splitlines() == [
        f"{people[0]}  هدى الحسن  +962790000001",
        f"{people[1]}  Omar  +962790000009  @omar:example.org",
    ]
    for text in ("هُدي", "0790000001", "huda"):
        assert [one["id"] for one in json.loads(run("list", text, "--json").out)] == [people[0]]


def test_a_contact_is_shown_by_id_number_matrix_id_or_name(run, people):
    for text in (people[1], "+962790000009", "@omar:example.org", "omar"):
        assert f"id        {people[1]}" in run("show", text).out
    assert "means nobody" not in run("show", "nobody", code=2).err
    assert json.loads(run("show", "Huda", "--json").out)["aliases"] == ["Huda"]


def test_a_name_of_two_is_refused_with_their_ids(run, people):
    second = json.loads(run("add", "omar", "--json").out)["id"]
    shown = run("show", "Omar", code=2).err
    assert people[1] in shown
    assert second in shown


def test_an_edit_adds_replaces_and_takes_away(run, people, tmp_path):
    photo = tmp_path / "omar.png"
    photo.write_bytes(PNG)
    run(
        "edit",
        "Omar",
        "--phone",
        "+962790000008",
        "--remove",
        "+962 790 000 009",
        "--notes",
        "night",
        "--photo",
        photo,
    )
    omar = everyone(run)[1]
    assert omar["phones"] == ["+962790000008"]
    assert (omar["notes"], omar["photo"]) == ("night", len(PNG))
    run("edit", "Omar", "--notes", "", "--photo", "", "--name", "Umar", "--remove", "@omar:example.org")
    umar = everyone(run)[1]
    assert (umar["name"], umar["notes"], umar["photo"], umar["mxids"]) == ("Umar", "", 0, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "A", "--phone", "0790000009"), "no country code"),
        (("add", "A", "--phone", "x"), "no phone number"),
        (("add", "A", "--region", "XX"), "no region"),
        (("add", "A", "--matrix", "huda"), "no Matrix id"),
        (("add", ""), "needs a name"),
        (("add", "A", "--photo", __file__), "no JPEG"),
        (("add", "A", "--phone", "+962790000001"), "belongs to هدى الحسن"),
        (("edit", "Omar", "--remove", "nothing"), "has no 'nothing'"),
        (("link", "Huda", "@omar:example.org"), "belongs to Omar"),
        (("link", "Huda", "nonsense"), "no phone number"),
        (("merge", "Omar", "omar"), "the same contact"),
        (("export", "people.pdf"), "neither .vcf nor .csv"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(run, people, arguments, says):
    before = everyone(run)
    assert says in run(*arguments, code=2).err
    assert everyone(run) == before


def test_a_link_is_told_once_and_a_second_id_is_only_claimed(run, people):
    run("edit", "Omar", "--trust", "confirmed")
    assert "already" in run("link", "Omar", "@omar:example.org").err
    assert everyone(run)[1]["trust"] == "confirmed"
    run("link", "Omar", "@other:example.org")
    run("link", "Omar", "123456789012345@lid")
    omar = everyone(run)[1]
    assert omar["mxids"] == ["@omar:example.org", "@other:example.org"]
    assert (omar["lids"], omar["trust"]) == (["123456789012345"], "claimed")


def test_a_merge_shows_its_plan_asks_and_leaves_one(run, people, monkeypatch):
    second = json.loads(run("add", "عمر", "--email", "omar@example.org", "--json").out)["id"]
    asked = run("merge", "Omar", second, code=1).err
    assert "+ omar@example.org" in asked
    assert len(everyone(run)) == 3
    run("merge", "Omar", second, "--yes")
    assert [(one["name"], one["aliases"], one["emails"]) for one in everyone(run)][1:] == [
        ("Omar", ["عمر"], ["omar@example.org"])
    ]


def test_duplicates_are_shown_by_what_they_share(run, people):
    second = json.loads(run("add", "هُدَى الحسن", "--json").out)["id"]
    (found,) = json.loads(run("list", "--duplicates", "--json").out)
    assert found["contacts"] == [people[0], second]
    assert "هدى الحسن" in run("list", "--duplicates").out


def test_a_contact_is_forgotten(run, people):
    run("remove", "Omar", "--yes")
    assert [one["id"] for one in everyone(run)] == [people[0]]


@pytest.mark.parametrize("name", ["people.vcf", "people.csv"])
def test_an_export_is_private_and_imports_as_the_same(run, people, tmp_path, name):
    file = tmp_path / name
    run("export", file)
    assert file.stat().st_mode & 0o777 == 0o600
    before = everyone(run)
    assert "0 new, 0 updated, 2 same" in run("import", file, "--yes").err
    assert everyone(run) == before
    assert "is there already" in run("export", file, code=1).err
    run("export", file, "--yes", "--vcard", "4.0")


def test_an_import_plans_asks_applies_and_is_idempotent(run, people, tmp_path):
    file = tmp_path / "phone.vcf"
    file.write_text(
        "BEGIN:VCARD\nFN:Mona\nTEL:0790000003\nTEL:bad\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:Umar\nTEL:+962790000009\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:هُدى الحسن\nTEL:+962790000002\nEND:VCARD\n",
        "utf-8",
    )
    before = everyone(run)
    plan = run("import", file, "--region", "JO", "--dry-run").out
    assert plan.splitlines()[0] == "1 new, 1 updated, 0 same, 1 conflicts, 1 lines passed over"
    assert "line 4: 'bad' is no phone number" in plan
    assert "other numbers" in plan
    run("import", file, "--region", "JO", code=1)
    assert everyone(run) == before
    told = json.loads(run("import", file, "--region", "JO", "--json").out)
    assert (told["new"], told["updated"], told["conflict"], told["applied"]) == (1, 1, 1, True)
    assert [one["name"] for one in everyone(run)] == ["هدى الحسن", "Omar", "Mona"]
    again = json.loads(run("import", file, "--region", "JO", "--yes", "--json").out)
    assert (again["new"], again["updated"], again["same"]) == (0, 0, 2)
    run("import", file, "--region", "JO", "--yes", "--same-name", "new")
    assert len(everyone(run)) == 4


@pytest.mark.parametrize(
    ("content", "says"), [(None, "can't be read"), (b"", "no column"), (b"\xff\x00", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(run, tmp_path, content, says):
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_bytes(content)
    shown = run("import", file, "--yes", code=5).err
    assert says in shown


def test_no_control_of_a_file_reaches_the_terminal(run, tmp_path):
    file = tmp_path / "evil.vcf"
    file.write_bytes(
        b"BEGIN:VCARD\nFN:\x1b]0;owned\x07Evil\xe2\x80\xae\nTEL:\x1b[2J12\nTEL:+962790000007\n"
        b"NOTE;ENCODING=QUOTED-PRINTABLE:=1B[31mred=0D=0A\nEND:VCARD\n"
    )
    shown = [run("import", file, "--dry-run"), run("import", file, "--yes"), run("list"), run("show", "Evil")]
    text = "".join(one.out + one.err for one in shown)
    assert "Evil" in text
    assert not any(one in text for one in "\x1b\x07\u202e")


def test_the_region_of_the_configuration_is_used(run, tmp_path):
    config = tmp_path / "config" / "default" / "fallback.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[whatsapp]\nregion = "EG"\n[interface]\nlanguage = "ar"\n')
    run("add", "A", "--phone", "0100 123 4567")
    assert everyone(run)[0]["phones"] == ["+201001234567"]
    run("export", tmp_path / "people.csv")
    assert (tmp_path / "people.csv").read_text("utf-8-sig").startswith("الاسم,")

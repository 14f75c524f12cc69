"""``fallback doctor`` says what the chosen connector lacks, and what it can't do."""

import json

import pytest
from click.testing import CliRunner

from fallback.cli import main
from fallback.paths import Profile


def doctor(text=""):
    file = Profile("default").config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["doctor", "--json"])
    return [row for row in json.loads(done.stdout) if row["check"] in ("whatsapp", "cloud api")]


def test_without_a_connector_it_is_a_note():
    (row,) = doctor()
    assert (row["fine"], row["needed"]) == (False, False)


def test_the_limits_of_the_cloud_api_are_said_plainly():
    rows = doctor('[connector]\nkind = "cloud"\n')
    assert "cloud.number" in rows[0]["says"]
    assert (rows[0]["fine"], rows[0]["needed"]) == (False, True)
    told = " ".join(row["says"] for row in rows[1:])
    assert "at most 8 people" in told
    assert "an existing group can't be mirrored" in told
    assert "Official Business Account" in told


@pytest.mark.parametrize(("folder", "fine"), [("/nowhere", False), ("/tmp", True)])
def test_a_folder_of_exports_must_be_there(folder, fine):
    (row,) = doctor(f'[connector]\nkind = "dropped"\n[dropped]\nfolder = "{folder}"\n')
    assert row["fine"] is fine

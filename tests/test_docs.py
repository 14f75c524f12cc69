"""What the pages claim: commands that exist, links that lead somewhere, figures that are true."""

import re
import shlex
from pathlib import Path

import click
import pytest

from fallback.cli import main
from fallback.demo.stage import example
from fallback.networks.whatsapp.export import read_export

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def lines_of_code(page):
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines()]


COMMANDS = [
    (page.name, line)
    for page in PAGES
    for line in lines_of_code(page)
    if re.match(r"(\S+ \| )?fallback( |$)", line)
]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda value: value.replace("/", "."))
def test_every_command_in_the_pages_exists_with_its_options(page, line):
    words = shlex.split(re.split(r"[|>]\s", line)[-1 if " | fallback" in line else 0], comments=True)[1:]
    command, words = main, [word for word in words if word not in ("--profile", "--debug", "--plain")]
    names = {"sara", "work", "newsroom", "try"}
    while isinstance(command, click.Group) and (words := [word for word in words if word not in names]):
        name, *words = words
        command = command.get_command(None, name)
        assert command is not None, f"no command {name}"
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    for word in words:
        assert not word.startswith("--") or word.split("=")[0] in known, f"no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_example_has_as_many_events_as_the_pages_say():
    events = len(list(read_export(example(), timezone="Asia/Baghdad").events))
    for page in PAGES:
        for told in re.findall(
            r"verified: (\d+) events in the export, (\d+) in the room, 0 differences", page.read_text("utf-8")
        ):
            assert told == (str(events), str(events))


def test_the_make_targets_of_the_pages_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"^make ([a-z]+)|`make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE):
            assert "".join(target) in targets

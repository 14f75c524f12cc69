"""The table of commands, their help, and how errors end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import fallback.cli
from fallback.__main__ import main as program
from fallback.cli import COMMANDS, main, module_of

ROOT = Path(__file__).parents[2]


def help_of(*command):
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help_with_examples(name):
    text = help_of(name)
    command = main.get_command(None, name)
    if hasattr(command, "commands"):
        assert command.commands
        assert all("Example" in help_of(name, verb) for verb in command.commands)
    else:
        assert "Examples:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name):
    assert re.search(rf"`fallback {name}\b", (ROOT / "docs" / "commands.md").read_text("utf-8"))


def test_every_command_module_is_in_the_table():
    files = Path(fallback.cli.__file__).parent.glob("*.py")
    commands = {file.stem for file in files if "\ndef command(" in file.read_text("utf-8")}
    assert commands == set(map(module_of, COMMANDS))


def test_help_and_status_load_nothing_heavy():
    code = (
        "import sys; import fallback.cli, fallback.__main__; from click.testing import CliRunner;"
        "CliRunner().invoke(fallback.cli.main, ['--help']); CliRunner().invoke(fallback.cli.main, ['status']);"
        "print([name for name in ('nio', 'textual', 'aiohttp', 'sqlite3', 'sqlcipher3', 'asyncio.runners_') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["statsu"], 2, "Did you mean status?"),
        (["--profile", "../x", "status"], 2, "can't be a profile's name"),
        (["migrate", "nothing-here.zip", "--plan"], 5, "nothing-here.zip"),
        (["demo", "--json"], 2, "--json needs --headless"),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(arguments, code, says, capsys):
    with pytest.raises(SystemExit) as end:
        program(arguments)
    shown = capsys.readouterr()
    assert end.value.code == code
    assert says in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_wrong_configuration_names_the_file_and_the_key(tmp_path, capsys):
    file = tmp_path / "config" / "default" / "fallback.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[interface]\nlanguage = "fr"\n')
    with pytest.raises(SystemExit) as end:
        program(["config", "show"])
    shown = capsys.readouterr().err
    assert end.value.code == 3
    assert str(file) in shown
    assert "interface.language" in shown


def test_config_show_tells_where_a_value_came_from(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLBACK_LANGUAGE", "ar")
    shown = CliRunner().invoke(main, ["config", "show"]).output
    assert re.search(r"interface\.language = 'ar' +# FALLBACK_LANGUAGE", shown)
    assert re.search(r"interface\.rtl = 'auto' +# default", shown)

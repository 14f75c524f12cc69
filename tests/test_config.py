"""The configuration: values, origins, errors."""

import pytest

from fallback.config import VARIABLES, Config, load, values
from fallback.errors import ConfigError


def write(tmp_path, text):
    path = tmp_path / "fallback.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_everything_is_a_default(tmp_path):
    loaded = load(tmp_path / "none.toml", {})
    assert loaded.config == Config()
    assert {origin for _, _, origin in values(loaded)} == {"default"}


def test_a_variable_beats_the_file_and_both_say_so(tmp_path):
    path = write(tmp_path, '[interface]\nlanguage = "en"\nrtl = "off"\n')
    loaded = load(path, {"FALLBACK_LANGUAGE": "ar"})
    rows = {key: (value, origin) for key, value, origin in values(loaded)}
    assert rows["interface.language"] == ("ar", "FALLBACK_LANGUAGE")
    assert rows["interface.rtl"] == ("off", str(path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[interface]\nlanguage = 3\n", "interface.language"),
        ("[interface]\ncolour = 1\n", "colour"),
        ("[nonsense]\n", "nonsense"),
        ("not toml", "can't be read"),
        ('interface = "x"\n', "interface"),
        ('[store]\nurl = "mysql://host/db"\n', "store.url must begin with postgresql://"),
        ('[store]\nurl = "postgresql://me:s3cret@host/db"\n', "store.url holds a password"),
        ('[store]\nurl = "postgresql://me@host/db?password=s3cret"\n', "store.url holds a password"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as error:
        load(path, {})
    assert str(path) in error.value.message
    assert "s3cret" not in error.value.message


def test_bytes_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "fallback.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError):
        load(path, {})


def test_every_variable_names_a_key():
    keys = {key for key, _, _ in values(load_defaults())}
    assert set(VARIABLES.values()) <= keys


def load_defaults():
    from pathlib import Path

    return load(Path("/nonexistent"), {})

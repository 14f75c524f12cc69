"""What holds the house together beside the import contracts."""

import ast
from pathlib import Path

import pytest

import fallback

MODULES = sorted(Path(fallback.__file__).parent.rglob("*.py"))
LIMIT = 400
TABLES = {"dialects", "bidi_data.py"}
"""Modules that are tables of data may be longer."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_module_is_short_and_says_what_it_is_for(path):
    source = path.read_text("utf-8")
    if not TABLES & {path.name, path.parent.name}:
        assert len(source.splitlines()) <= LIMIT
    if source.strip():
        assert ast.get_docstring(ast.parse(source))

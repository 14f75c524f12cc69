"""Sphinx builds these pages: make docs."""

from fallback import __version__

project = "fallback"
author = "the fallback team"
copyright = "the fallback team, Apache-2.0"
release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

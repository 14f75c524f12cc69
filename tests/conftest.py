"""Every test has folders of its own; nobody's profile is touched."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.live_synapse import live  # noqa: F401

settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLBACK_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("FALLBACK_CONFIG_HOME", str(tmp_path / "config"))
    for name in (
        "FALLBACK_PROFILE",
        "FALLBACK_HOMESERVER",
        "FALLBACK_USER",
        "FALLBACK_LANGUAGE",
        "FALLBACK_RTL",
    ):
        monkeypatch.delenv(name, raising=False)

import importlib
import json
import stat
from pathlib import Path

import pytest

from fallback.errors import HomeserverError
from fallback.homeserver.keys import Keys, load_keys, tighten
from fallback.homeserver.layout import Layout, State, load_state
from fallback.homeserver.registration import registration
from fallback.homeserver.settings import settings


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return load_keys(Layout(tmp_path))


def test_nothing_listens_but_loopback_and_nothing_is_called_home(tmp_path, keys):
    made = settings("team.local", 8123, Layout(tmp_path), keys)
    (listener,) = made["listeners"]
    assert listener["bind_addresses"] == ["127.0.0.1"]
    assert [resource["names"] for resource in listener["resources"]] == [["client"]]
    assert made["federation_domain_whitelist"] == []
    assert made["trusted_key_servers"] == []
    for switch in ("report_stats", "allow_guest_access", "url_preview_enabled"):
        assert made[switch] is False, switch
    assert made["registration_requires_token"] is True
    assert made["presence"] == {"enabled": False}


def test_the_settings_hold_paths_of_secrets_and_no_secret(tmp_path, keys):
    text = json.dumps(settings("team.local", 8123, Layout(tmp_path), keys))
    for path in keys.folder.iterdir():
        assert path.read_text().strip() not in text


def test_no_repr_shows_a_secret(keys):
    assert keys.as_token not in repr(keys)
    assert keys.registration not in repr(keys)


def test_the_keys_are_made_once_and_kept(tmp_path, keys):
    again = load_keys(Layout(tmp_path))
    assert again == keys
    assert len({keys.registration, keys.as_token, keys.hs_token, keys.admin_password}) == 4


def test_a_key_whose_making_was_cut_short_is_made_again(tmp_path, keys):
    keys.path("as_token").write_text("")
    again = load_keys(Layout(tmp_path))
    assert len(again.as_token) > 30
    assert again.hs_token == keys.hs_token


def test_keys_are_for_their_owner_alone(keys):
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()} == {0o600}


def test_files_that_were_opened_to_others_are_closed_again(tmp_path):
    (tmp_path / "homeserver.db").touch(0o644)
    (tmp_path / "media").mkdir(0o755)
    (tmp_path / "away").symlink_to("/etc/hostname")
    tighten(tmp_path)
    assert stat.S_IMODE((tmp_path / "homeserver.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "media").stat().st_mode) == 0o700


def test_the_namespace_is_ours_alone_and_no_wider():
    (users,) = registration("a", "h", "team.local")["namespaces"]["users"]
    assert users == {"exclusive": True, "regex": r"@wa_.*:team\.local"}


def test_the_appservice_asks_for_no_pushes_and_no_rate_limit():
    made = registration("a", "h", "team.local")
    assert made["url"] is None
    assert made["rate_limited"] is False
    assert made["io.element.msc4190"] is True


def test_the_state_comes_back_as_it_was_saved(tmp_path):
    layout = Layout(tmp_path)
    assert load_state(layout) is None
    State("team.local", 8123, detached=True).save(layout)
    assert load_state(layout) == State("team.local", 8123, detached=True)


def test_a_damaged_state_is_named(tmp_path):
    layout = Layout(tmp_path)
    layout.state.write_bytes(b"{")
    with pytest.raises(HomeserverError, match=r"state\.json is damaged"):
        load_state(layout)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Synapse's own imports
def test_the_module_for_history_is_loaded_with_the_registration_s_id(tmp_path, keys):
    (module,) = settings("team.local", 8123, Layout(tmp_path), keys)["modules"]
    name, _, kind = module["module"].rpartition(".")
    assert hasattr(importlib.import_module(name), kind)
    assert module["config"] == {"appservice": registration("a", "h", "team.local")["id"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_module_stays_closed_in_another_series_of_synapse(monkeypatch, caplog):
    history = importlib.import_module("fallback.homeserver.history")
    monkeypatch.setattr(history, "SYNAPSE_VERSION", "1.164.0")
    history.HistoryModule({"appservice": "fallback"}, api=None)
    assert "Synapse 1.164.0 is not of the series 1.163.x" in caplog.text

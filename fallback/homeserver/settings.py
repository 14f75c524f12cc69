"""Synapse's configuration for a work team on one machine: loopback only, no federation, nothing called home."""

from typing import Any

from fallback.homeserver.keys import Keys
from fallback.homeserver.layout import Layout
from fallback.homeserver.registration import APPSERVICE

MAX_UPLOAD = "100M"
_GENEROUS = {"per_second": 1000, "burst_count": 10000}
_GUESSES = {"per_second": 0.2, "burst_count": 10}


def settings(server_name: str, port: int, layout: Layout, keys: Keys) -> dict[str, Any]:
    """Give ``homeserver.yaml`` as a mapping; no secret is in it, only the paths of their files.

    SQLite stays at ``synchronous=FULL``: an answered send survives a power cut.
    """
    return {
        "server_name": server_name,
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "listeners": [
            {
                "port": port,
                "type": "http",
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"], "compress": False}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(layout.database)}},
        "log_config": str(layout.log_config),
        "app_service_config_files": [str(layout.registration)],
        "modules": [
            {"module": "fallback.homeserver.history.HistoryModule", "config": {"appservice": APPSERVICE}}
        ],
        "signing_key_path": str(keys.path("signing")),
        "macaroon_secret_key_path": str(keys.path("macaroon")),
        "registration_shared_secret_path": str(keys.path("registration")),
        "form_secret_path": str(keys.path("form")),
        **_rooms(),
        **_media(layout),
        **_quiet(),
        **_limits(),
    }


def _rooms() -> dict[str, Any]:
    return {
        "default_room_version": "12",
        "encryption_enabled_by_default_for_room_type": "off",
        "enable_room_list_search": False,
        "user_directory": {"enabled": True, "search_all_users": False},
    }


def _media(layout: Layout) -> dict[str, Any]:
    """No thumbnail is made at upload (118 ms each); one that a client asks for is made then."""
    return {
        "media_store_path": str(layout.media),
        "max_upload_size": MAX_UPLOAD,
        "thumbnail_sizes": [],
        "dynamic_thumbnails": True,
        "url_preview_enabled": False,
    }


def _quiet() -> dict[str, Any]:
    return {
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "report_stats": False,
        "presence": {"enabled": False},
        "enable_registration": True,
        "registration_requires_token": True,
        "allow_guest_access": False,
        "enable_3pid_lookup": False,
        "require_auth_for_profile_requests": True,
        "allow_public_rooms_without_auth": False,
        "allow_public_rooms_over_federation": False,
    }


def _limits() -> dict[str, Any]:
    """Colleagues on loopback are no flood; only wrong passwords are slowed down."""
    return {
        "rc_message": _GENEROUS,
        "rc_registration": _GENEROUS,
        "rc_login": {"address": _GENEROUS, "account": _GENEROUS, "failed_attempts": _GUESSES},
        "rc_joins": {"local": _GENEROUS, "remote": _GENEROUS},
        "rc_joins_per_room": _GENEROUS,
        "rc_invites": {"per_room": _GENEROUS, "per_user": _GENEROUS, "per_issuer": _GENEROUS},
        "rc_room_creation": _GENEROUS,
        "rc_media_create": _GENEROUS,
        "rc_user_directory": _GENEROUS,
        "rc_admin_redaction": _GENEROUS,
    }


def log_settings() -> dict[str, Any]:
    """Give Synapse's logging: warnings only (its info lines name people and rooms), to the child's stderr."""
    return {
        "version": 1,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "disable_existing_loggers": False,
    }

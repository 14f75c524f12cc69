"""Alerts by all other services, through apprise, which is an extra."""

import asyncio
import importlib
from typing import Any

from fallback.core.alerting import is_metas
from fallback.errors import ConfigError, PermanentError, TransientError
from fallback.text import sanitise, sanitise_name


class AppriseAlert:
    """Takes an apprise URL as the address, e.g. ``tgram://TOKEN/CHAT``.

    Args:
        module: its name, for tests.

    Raises:
        ConfigError: apprise is not installed.
    """

    name = "apprise"

    def __init__(self, module: str = "apprise") -> None:
        try:
            self._apprise: Any = importlib.import_module(module)
        except ImportError as error:
            raise ConfigError(
                "alerts through apprise need the apprise package", "Install it: pip install apprise"
            ) from error

    async def send(self, title: str, text: str, address: str) -> None:
        """Tell one URL.

        Raises:
            TransientError: the service did not take it.
            PermanentError: apprise knows no such service, or it is Meta's.
        """
        if is_metas(address):
            raise PermanentError("alerts never go through Meta", "Give the contact another channel.")
        target = self._apprise.Apprise()
        if not target.add(address):
            raise PermanentError("apprise knows no such service", "See the list at the apprise project.")
        if not await asyncio.to_thread(target.notify, body=sanitise(text), title=sanitise_name(title)):
            raise TransientError("the service did not take the alert")

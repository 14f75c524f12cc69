"""A managed Synapse: its settings, its secrets, its accounts, and the child process itself."""

from fallback.homeserver.accounts import Account
from fallback.homeserver.managed import ManagedHomeserver

__all__ = ["Account", "ManagedHomeserver"]

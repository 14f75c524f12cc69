"""What a database does for the store: run the one SQL text, in transactions."""

from typing import Any, Protocol


class Engine(Protocol):
    """One connection; statements are those of ``store.sql``."""

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement."""
        ...

    def one(self, statement: str, *values: Any) -> Any:
        """Give the first row; ``None`` where there is none."""
        ...

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Give all rows."""
        ...

    def now(self) -> int:
        """Give the time that all who share the database agree on, ms since the epoch."""
        ...

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; one that writes is alone until its end, one that reads sees one moment."""
        ...

    def commit(self) -> None:
        """Make it last."""
        ...

    def roll_back(self) -> None:
        """Undo a transaction; harmless where there is none."""
        ...

    def close(self) -> None:
        """Free the connection."""
        ...

"""How the connector itself says that it stands with its network."""

from typing import Protocol

from fallback.core.health import Sample
from fallback.core.ports import Clock, ConnectorState

PATIENCE = 30.0
"""Seconds for which connecting is no failure."""


class Stated(Protocol):
    """Anything with a connector's state."""

    @property
    def state(self) -> ConnectorState:
        """The present state."""
        ...


class SessionProbe:
    """Reads a connector's state; costs nothing and asks nobody."""

    name = "ld.state"
    interval = 15.0

    def __init__(self, connector: Stated, clock: Clock, *, name: str = "ld.state") -> None:
        self.name = name
        self._connector = connector
        self._clock = clock
        self._connecting: float | None = None

    async def sample(self) -> Sample:
        """Read once; a connector that goes on connecting is disconnected."""
        state, now = self._connector.state, self._clock.now() / 1000
        if state is not ConnectorState.CONNECTING:
            self._connecting = None
            return Sample(at=now, probe=self.name, outcome=state.value)
        self._connecting = now if self._connecting is None else self._connecting
        late = now - self._connecting > PATIENCE
        return Sample(at=now, probe=self.name, outcome=(ConnectorState.DISCONNECTED if late else state).value)

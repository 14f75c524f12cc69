import pytest

from fallback.clock import VirtualClock
from fallback.core.ports import ConnectorState
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.probes.session import SessionProbe


@pytest.mark.parametrize("state", [one for one in ConnectorState if one is not ConnectorState.CONNECTING])
async def test_a_connectors_state_is_the_outcome(state):
    connector = LoopbackConnector(LoopbackNetwork())
    connector.trouble = state
    assert (await SessionProbe(connector, VirtualClock()).sample()).outcome == state.value


async def test_a_cut_network_shows_and_so_does_its_return():
    network, clock = LoopbackNetwork(), VirtualClock()
    probe = SessionProbe(LoopbackConnector(network), clock)
    network.cut()
    assert (await probe.sample()).outcome == "disconnected"
    network.restore()
    assert (await probe.sample()).outcome == "connected"


async def test_a_connector_that_goes_on_connecting_is_disconnected():
    connector, clock = LoopbackConnector(LoopbackNetwork()), VirtualClock()
    connector.trouble = ConnectorState.CONNECTING
    probe = SessionProbe(connector, clock)
    assert (await probe.sample()).outcome == "connecting"
    await clock.advance(31)
    assert (await probe.sample()).outcome == "disconnected"

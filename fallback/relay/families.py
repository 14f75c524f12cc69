"""A relay's metrics."""

import time
from typing import TYPE_CHECKING

from fallback.bridge.alerting import told
from fallback.core.health import State
from fallback.core.ports import ConnectorState
from fallback.relay.metrics import Family, Value, one, states

if TYPE_CHECKING:
    from fallback.relay.daemon import Relay
    from fallback.relay.status import Status

STARTED = time.time()


async def families(relay: "Relay", now: "Status") -> list[Family]:
    """Measure a relay; what it has counted since it started, and how it stands now."""
    return [*_standing(now), *_counted(relay), *await _alerts(relay)]


def _standing(now: "Status") -> list[Family]:
    lanes = [Value({"target": target}, count) for target, count in now.lanes.items()]
    health = states(now.health.state, State)
    connector = states(now.connector_state, ConnectorState, connector=now.connector)
    return [
        Family("build_info", "gauge", "Version of the program.", one(1, version=now.version)),
        Family("start_time_seconds", "gauge", "When the process started.", one(STARTED)),
        Family("health_state", "gauge", "How WhatsApp is, as far as can be told.", health),
        Family("outage", "gauge", "Whether the team was moved to Matrix.", one(bool(now.outage))),
        Family("connector_state", "gauge", "How the connector stands with its network.", connector),
        Family("homeserver_synced_seconds", "gauge", "When the homeserver last answered a sync.", one(now.synced / 1000)),
        Family("outbox_depth", "gauge", "Deliveries that wait.", lanes),
        Family("wedges", "gauge", "Deliveries that a person must clear.", one(now.stuck)),
        Family("paused", "gauge", "Whether somebody paused the relay.", one(now.paused)),
        Family("store_writable", "gauge", "Whether the store can be written.", one(not now.trouble)),
    ]  # fmt: skip


def _counted(relay: "Relay") -> list[Family]:
    tally = relay.tally
    events = [Value({"side": side}, count) for side, count in tally.events.items()]
    outcomes = [
        Value({"target": target, "outcome": outcome}, count)
        for (target, outcome), count in tally.outcomes.items()
    ]
    lag = [value for target, measured in tally.lag.items() for value in measured.values({"target": target})]
    latency = tally.latency.values({})
    return [
        Family("events_total", "counter", "Events taken in.", events),
        Family("deliveries_total", "counter", "Outcomes of deliveries.", outcomes),
        Family("delivery_lag_seconds", "histogram", "From intake to delivery.", lag),
        Family("homeserver_latency_seconds", "histogram", "What the homeserver took for an event.", latency),
        Family("store_refusals_total", "counter", "Writes that the store refused.", one(relay.patience.failures)),
    ]  # fmt: skip


async def _alerts(relay: "Relay") -> list[Family]:
    done = await told(relay.store)
    failed = len(done.failed)
    values = [
        Value({"outcome": "sent"}, len(done.attempts) - failed),
        Value({"outcome": "failed"}, failed),
        Value({"outcome": "acknowledged"}, len(done.acknowledged)),
    ]
    return [Family("alerts", "gauge", "Alerts of the last outage.", values)]

"""Any order of events: lanes stay first in first out, nothing is lost, nothing is sent twice."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fallback.core.events import Message
from fallback.core.outbox import Delivery, Dropped, Retry, Sent, Wedge
from fallback.store.memory import MemoryStore
from fallback.store.postgres import PostgresStore
from fallback.store.sqlite import SqliteStore
from tests.store import postgres_server

TARGET = "matrix"
LEASE = 30.0
OUTCOMES = st.sampled_from(["sent", "sent", "sent", "retry", "wedge", "dropped"])


class Outbox(RuleBasedStateMachine):
    """Workers, a person at the wedges and a clock, in any order."""

    @initialize()
    def open(self):
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.run(self.make(Path(self.folder.name) / "p" / "store.db"))
        self.now = 1_000_000
        self.lanes = {"a": [], "b": []}
        self.state = {}
        self.ends = {}
        self.held = []
        self.old = []
        self.sent = []

    def run(self, work):
        return self.runner.run(work)

    @rule(lane=st.sampled_from("ab"))
    def record(self, lane):
        name = f"{lane}{len(self.lanes[lane])}"
        event = Message(id=name, chat=lane)
        assert self.run(self.store.record(lane, event, [Delivery(f"d{name}", lane, TARGET, event)]))
        self.lanes[lane].append(f"d{name}")
        self.state[f"d{name}"] = "open"

    @rule(limit=st.integers(1, 3))
    def lease(self, limit):
        due = self.run(self.store.lease(TARGET, owner="w", now=self.now, seconds=LEASE, limit=limit))
        assert len({one.portal for one in due}) == len(due) <= limit
        for one in due:
            assert self.state[one.id] == "open"
            lane = self.lanes[one.portal]
            assert all(self.state[before] != "open" for before in lane[: lane.index(one.id)])
            assert all(self.ends.get(other, 0) < self.now for other in lane)
            self.old += [held for held in self.held if held.id == one.id]
            self.held = [held for held in self.held if held.id != one.id]
            self.held.append(one)
            self.ends[one.id] = self.now + LEASE * 1000

    @precondition(lambda self: self.held)
    @rule(data=st.data(), outcome=OUTCOMES)
    def settle(self, data, outcome):
        one = data.draw(st.sampled_from(self.held))
        self.held.remove(one)
        self.old.append(one)
        self.ends.pop(one.id, None)
        gone = self.state[one.id] == "dropped"
        match outcome:
            case "sent":
                self.run(self.store.settle(one, Sent(f"${one.id}"), now=self.now))
                self.state[one.id] = "sent"
                self.sent.append(one.id)
                return
            case "retry":
                self.run(self.store.settle(one, Retry("offline"), now=self.now))
            case "wedge":
                self.run(self.store.settle(one, Wedge("refused"), now=self.now))
            case "dropped":
                self.run(self.store.settle(one, Dropped("pointless"), now=self.now))
        after = {"retry": "open", "wedge": "wedged", "dropped": "dropped"}[outcome]
        self.state[one.id] = "dropped" if gone else after

    @precondition(lambda self: [one for one in self.old if self.state[one.id] == "open"])
    @rule(data=st.data(), outcome=st.sampled_from([Retry("old"), Wedge("old"), Dropped("old")]))
    def settle_again(self, data, outcome):
        one = data.draw(st.sampled_from([one for one in self.old if self.state[one.id] == "open"]))
        self.run(self.store.settle(one, outcome, now=self.now))

    @precondition(lambda self: self.state)
    @rule(data=st.data())
    def retry(self, data):
        name = data.draw(st.sampled_from(sorted(self.state)))
        self.run(self.store.retry(name))
        if self.state[name] == "wedged":
            self.state[name] = "open"

    @precondition(lambda self: self.state)
    @rule(data=st.data())
    def drop(self, data):
        name = data.draw(st.sampled_from(sorted(self.state)))
        self.run(self.store.drop(name))
        if self.state[name] != "sent":
            self.state[name] = "dropped"
            self.ends.pop(name, None)

    @rule(seconds=st.sampled_from([1, 5, 31, 70]))
    def wait(self, seconds):
        self.now += seconds * 1000

    @invariant()
    def counts_agree(self):
        if not hasattr(self, "store"):
            return
        assert self.run(self.store.pending()) == sum(one in ("open", "wedged") for one in self.state.values())
        wedged = {one.id for one in self.run(self.store.wedges())}
        assert wedged == {name for name, state in self.state.items() if state == "wedged"}

    def teardown(self):
        if not hasattr(self, "store"):
            return
        for name in [name for name, state in self.state.items() if state == "wedged"]:
            self.run(self.store.retry(name))
        self.now += 1_000_000
        while due := self.run(self.store.lease(TARGET, owner="w", now=self.now, seconds=LEASE, limit=9)):
            for one in due:
                self.run(self.store.settle(one, Sent(f"${one.id}"), now=self.now))
                self.sent.append(one.id)
        assert len(self.sent) == len(set(self.sent))
        assert set(self.sent) == {name for name, state in self.state.items() if state != "dropped"}
        assert self.run(self.store.pending()) == 0
        for lane, names in self.lanes.items():
            for name in names:
                remote = self.run(self.store.counterpart(lane, name[1:], TARGET))
                assert remote == (f"${name}" if name in self.sent else None)
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


class InMemory(Outbox):
    @staticmethod
    async def make(_):
        return MemoryStore()


class OnDisk(Outbox):
    @staticmethod
    async def make(path):
        return await SqliteStore.open(path)


class OnAServer(Outbox):
    @staticmethod
    async def make(_):
        return await PostgresStore.open(postgres_server.running().fresh())


@pytest.mark.usefixtures("database")
def test_an_outbox_on_a_server_keeps_its_promises():
    test_an_outbox_keeps_its_promises(OnAServer, 15)


@pytest.mark.parametrize(("machine", "examples"), [(InMemory, 60), (OnDisk, 20)])
def test_an_outbox_keeps_its_promises(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""``fallback keys`` over keys in memory: what a person types and reads."""

import asyncio
import contextlib
import json
import stat

import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.core.ids import UserId
from fallback.core.trust import IdentityState, VerificationStage
from fallback.errors import AuthError, PermanentError
from fallback.simulator.keys import MemoryAccounts, MemoryKeys

LAILA, SARA = UserId("@laila:test"), UserId("@sara:test")


class Side:
    """A Matrix side whose homeserver is in memory, with Sara at the other end of it."""

    def __init__(self):
        self.accounts = MemoryAccounts()
        self.keys = MemoryKeys(self.accounts, LAILA, "LAPTOP")
        self.sara = MemoryKeys(self.accounts, SARA, "PHONE")

    async def follow(self):
        """Do what Sara does: accept, and say that she sees the same."""
        done = set()
        while True:
            for flow in self.sara.verifications():
                if flow.stage is VerificationStage.ASKED and not flow.ours:
                    await self.sara.accept(flow.id)
                elif flow.stage is VerificationStage.COMPARE and flow.id not in done:
                    done.add(flow.id)
                    await self.sara.confirm(flow.id)
            await asyncio.sleep(0)


@pytest.fixture
def side(monkeypatch):
    made = Side()

    @contextlib.asynccontextmanager
    async def signed_in(_profile):
        yield None, made

    monkeypatch.setattr(compose, "signed_in", signed_in)
    monkeypatch.setattr("fallback.cli.keys.LOOK", 0)
    return made


def run(*arguments, text=None, **env):
    done = CliRunner().invoke(main, ["keys", *arguments], input=text, env=env)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_an_identity_is_made_and_its_recovery_key_is_the_only_data(side):
    assert json.loads(run("status", "--json").stdout)["identity"] == "none"
    made = run("begin")
    assert "".join(made.stdout.split()) == side.accounts.recovery[LAILA]
    assert json.loads(run("status", "--json").stdout)["identity"] == "ready"
    assert "ready" in run("status").stdout


def test_the_password_is_read_where_the_homeserver_wants_it(side):
    side.keys.password = "secret"
    assert run("begin", text="secret\n").stdout
    with pytest.raises(PermanentError):
        run("begin")


def test_a_device_is_signed_by_a_recovery_key_from_a_pipe_or_a_file(side, tmp_path):
    recovery = asyncio.run(MemoryKeys(side.accounts, LAILA, "OLD").begin())
    with pytest.raises(AuthError):
        run("recover", text="wrong\n")
    (tmp_path / "key").write_text(recovery + "\n")
    assert json.loads(run("recover", "--json", FALLBACK_RECOVERY_KEY_FILE=str(tmp_path / "key")).stdout) == {
        "restored": 0
    }
    assert side.keys.signed
    rows = json.loads(run("devices", "--json").stdout)
    assert [(one["id"], one["this"], one["signed"]) for one in rows] == [
        ("LAPTOP", True, True),
        ("OLD", False, True),
    ]
    assert "* LAPTOP  signed" in run("devices").stdout


def test_a_person_is_asked_and_verified(side):
    done = run("verify", SARA, text="y\n")
    assert len(done.stdout.splitlines()) == 7
    assert f"verified: {SARA}" in done.stderr


def test_a_request_is_waited_for_and_answered(side):
    asyncio.run(side.sara.verify(LAILA))
    assert f"verified: {SARA}" in run("verify", text="y\ny\n").stderr


def test_emojis_that_differ_end_it(side):
    with pytest.raises(PermanentError, match="mismatched"):
        run("verify", SARA, text="n\n")


def test_a_changed_identity_is_taken_only_as_it_is_now(side):
    asyncio.run(side.sara.begin())
    with pytest.raises(PermanentError):
        run("accept", SARA)
    side.keys.known[SARA] = "old"
    with pytest.raises(PermanentError):
        run("accept", SARA, "--fingerprint", "older")
    assert "left as it was" in run("accept", SARA, text="n\n").stderr
    assert "taken" in run("accept", SARA, text="y\n").stderr
    assert side.keys.changed() == {}


def test_room_keys_travel_in_a_private_file(side, tmp_path):
    side.keys.room_keys = {"k1", "k2"}
    file = tmp_path / "keys.txt"
    run("export", str(file), text="long enough\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(AuthError):
        run("import", str(file), text="wrong\n")
    side.keys.room_keys = set()
    assert json.loads(run("import", str(file), "--json", text="long enough\n").stdout) == {"new": 2}


def test_the_state_is_told_with_what_to_do_next(side):
    assert "fallback keys begin" in run("status").stdout
    asyncio.run(MemoryKeys(side.accounts, LAILA, "OLD").begin())
    assert asyncio.run(side.keys.state()).identity is IdentityState.LOCKED
    assert "fallback keys recover" in run("status").stdout

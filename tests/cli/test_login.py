"""``fallback login``: what it chooses, says and stores; no secret is shown."""

import asyncio
import contextlib
import json
import threading
import urllib.request
import webbrowser

import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.cli.login import best
from fallback.errors import PermanentError
from fallback.matrix.signin import SignInOptions
from fallback.matrix.signin.oauth import Metadata
from fallback.paths import Profile
from fallback.simulator.identity import OAuthHomeserver

USER = "@sara:example.org"
synapse = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


@contextlib.contextmanager
def running(server):
    """Run a stand-in in a thread of its own, since a command has a loop of its own."""
    loop, ready, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve():
        async with server:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def fallback(*arguments, given="", profile="default"):
    return CliRunner().invoke(main, ["--profile", profile, *arguments], input=given)


def stored(profile="default"):
    async def read():
        async with compose.open_store(Profile(profile)) as store:
            return await compose.account(store)

    return asyncio.run(read())


class TestAgainstSynapse:
    pytestmark = synapse

    def test_a_piped_password_signs_in_and_a_sign_out_ends_it(self, live):
        account = asyncio.run(live.account("login"))
        result = fallback(
            "login", account.user, "--homeserver", live.url, "--json", given=f"{account.password}\n"
        )
        assert result.exit_code == 0, result.output
        assert "signing in with a password" in result.stderr
        told = json.loads(result.stdout)
        assert told["user"] == account.user
        assert told["identity"] == "ready"
        assert len(told["recovery_key"]) == 59
        known = stored()
        assert known.user == account.user
        assert known.token not in result.output
        assert account.password not in result.output
        refused = fallback("logout", given="n\n")
        assert refused.exit_code != 0
        assert stored() == known
        ended = fallback("logout", "--yes", "--json")
        assert json.loads(ended.stdout) == {"profile": "default", "device_deleted": True}
        assert not list(Profile("default").data.glob("crypto.db*"))
        assert "timeline" in ended.stderr
        again = fallback("logout", "--yes")
        assert "no Matrix account" in str(again.exception)

    def test_a_password_in_a_file_and_a_token_in_a_pipe_sign_in(self, live, tmp_path, monkeypatch):
        account = asyncio.run(live.account("login"))
        token, device = asyncio.run(live.server.login(account.user, account.password))
        result = fallback(
            "login", "--token", "--homeserver", live.url, "--json", given=f"{token}\n", profile="other"
        )
        assert json.loads(result.stdout)["device"] == device
        (tmp_path / "password").write_text(f"{account.password}\n")
        monkeypatch.setenv("FALLBACK_PASSWORD_FILE", str(tmp_path / "password"))
        assert fallback("login", account.user, "--homeserver", live.url).exit_code == 0
        assert stored("default").device != stored("other").device == device

    def test_what_the_homeserver_does_not_offer_is_told(self, live):
        for way in ("--sso", "--device-code"):
            result = fallback("login", USER, way, "--homeserver", live.url)
            assert "does not offer" in str(result.exception)


def test_a_device_code_is_shown_and_signs_in():
    with running(OAuthHomeserver(USER)) as server:
        server.interval = 0
        result = fallback("login", "--homeserver", server.url, "--json")
        assert result.exit_code == 0, result.output
        assert f"{server.url}/link" in result.stderr
        assert "WDJB-MJHT" in result.stderr
        assert json.loads(result.stdout)["user"] == USER
        known = stored()
        assert known.client_id
        assert known.token not in result.output
        assert list(server.devices) == [known.device]
        assert fallback("logout", "--yes").exit_code == 0
        assert not server.devices


def test_the_browser_of_this_machine_is_opened_where_there_is_a_screen(monkeypatch):
    opened = []

    def visit(address):
        opened.append(address)
        threading.Thread(target=lambda: urllib.request.urlopen(address).close()).start()

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", visit)
    with running(OAuthHomeserver(USER)) as server:
        result = fallback("login", USER, "--sso", "--homeserver", server.url)
        assert result.exit_code == 0, result.output
        (address,) = opened
        assert address in result.stderr
        assert stored().device in server.devices


def test_another_person_in_the_browser_is_refused_and_their_device_deleted():
    with running(OAuthHomeserver("@other:example.org")) as server:
        server.interval = 0
        result = fallback("login", USER, "--device-code", "--homeserver", server.url)
        assert "not for @other:example.org" in str(result.exception)
        assert not server.devices
        assert "no Matrix account" in str(fallback("logout", "--yes").exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "whose account"),
        (["@sara"], "no Matrix id"),
        (["@sara:"], "no Matrix id"),
        (["@sara:x", "--homeserver", "http://example.org"], "in clear"),
        (["@sara:x", "--homeserver", "https://me:pass@example.org"], "user or password"),
        (["@sara:x", "--homeserver", "http://127.0.0.1:1"], "does not answer"),
    ],
)
def test_what_can_not_be_is_told_before_a_secret_is_asked_for(arguments, says):
    assert says in str(fallback("login", *arguments).exception)


def test_no_option_takes_a_secret():
    command = main.get_command(None, "login")
    assert {one.name for one in command.params if not getattr(one, "is_flag", False)} == {
        "user",
        "homeserver",
    }


def test_the_best_way_is_the_one_that_asks_least():
    oauth = Metadata("https://x", "https://x/t", device_authorization_endpoint="https://x/d")
    plain = Metadata("https://x", "https://x/t")
    assert best(SignInOptions("https://x", password=True, sso=True, oauth=oauth)) == "password"
    assert best(SignInOptions("https://x", sso=True, oauth=oauth)) == "device-code"
    assert best(SignInOptions("https://x", sso=True, oauth=plain)) == "sso"
    assert best(SignInOptions("https://x", sso=True)) == "sso"
    with pytest.raises(PermanentError, match="no way"):
        best(SignInOptions("https://x"))

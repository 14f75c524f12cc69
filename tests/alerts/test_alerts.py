"""Every alert against a server that keeps what it gets."""

import stat

import msgspec
import pytest

from fallback.alerts.apprise import AppriseAlert
from fallback.alerts.desktop import DesktopAlert
from fallback.alerts.ntfy import NtfyAlert
from fallback.alerts.smtp import SmtpAlert, SmtpServer
from fallback.alerts.webhook import WebhookAlert, signature
from fallback.clock import VirtualClock
from fallback.errors import ConfigError, PermanentError, TransientError
from fallback.simulator.endpoints import certificate
from fallback.simulator.mailbox import Mailbox, Receiver

TITLE, TEXT = "واتساب متوقف · WhatsApp is down", "Come to the room.\nhttps://example.org/ack"


def smtp(box, **values):
    return SmtpAlert(SmtpServer("127.0.0.1", box.port, "relay@x.org", **{"security": "plain"} | values))


async def test_mail_arrives_whole_in_both_scripts():
    async with Mailbox() as box:
        await smtp(box).send(TITLE, TEXT, "sara@x.org")
    (letter,) = box.letters
    assert (letter["Subject"], letter["To"]) == (TITLE, "sara@x.org")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().splitlines() == TEXT.splitlines()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_encrypted_with_a_login(tmp_path, security):
    cafile = tmp_path / "ca.pem"
    context = certificate(tmp_path, cafile, "localhost")
    async with Mailbox(context, implicit=security == "tls", login="relay:secret") as box:
        at = SmtpServer("localhost", box.port, "r@x.org", security, "relay", "secret", str(cafile))
        await SmtpAlert(at).send(TITLE, TEXT, "sara@x.org")
        assert len(box.letters) == 1
        with pytest.raises(PermanentError, match="refuses"):
            await SmtpAlert(changed(at, password="wrong")).send(TITLE, TEXT, "sara@x.org")
        with pytest.raises(PermanentError, match="certificate"):
            await SmtpAlert(changed(at, cafile="")).send(TITLE, TEXT, "sara@x.org")
        assert len(box.letters) == 1


def changed(server, **changes):
    import dataclasses

    return dataclasses.replace(server, **changes)


async def test_a_server_without_starttls_gets_no_plain_mail():
    async with Mailbox() as box:
        with pytest.raises(PermanentError, match="can't do"):
            await smtp(box, security="starttls").send(TITLE, TEXT, "sara@x.org")
        assert box.letters == []


def test_plain_mail_to_another_machine_is_refused():
    with pytest.raises(PermanentError, match="encrypted"):
        SmtpAlert(SmtpServer("mail.example.org", 25, "r@x.org", "plain"))


@pytest.mark.parametrize(("answer", "error"), [("450 later", TransientError), ("550 nobody", PermanentError)])
async def test_a_refused_recipient_is_told_by_its_code(answer, error):
    async with Mailbox() as box:
        box.refuse = answer
        with pytest.raises(error, match=answer[:3]):
            await smtp(box).send(TITLE, TEXT, "sara@x.org")


@pytest.mark.parametrize("address", ["a@x.org\nBcc: b@x.org", "sara@facebook.com"])
async def test_an_address_that_smuggles_headers_or_is_metas_is_refused(address):
    async with Mailbox() as box:
        with pytest.raises(PermanentError):
            await smtp(box).send("t\r\nX: y", TEXT, address)
        assert box.letters == []


async def test_a_mail_server_that_is_away_is_tried_later():
    async with Mailbox() as box:
        alert = smtp(box)
    with pytest.raises(TransientError):
        await alert.send(TITLE, TEXT, "sara@x.org")


async def test_ntfy_pushes_to_a_topic_with_the_token_in_the_header_alone():
    async with Receiver() as server:
        await NtfyAlert(server.url, "tk_1").send(TITLE, TEXT, "newsroom")
    (request,) = server.requests
    assert msgspec.json.decode(request.body) == {
        "topic": "newsroom", "title": TITLE, "message": TEXT, "priority": 5,
    }  # fmt: skip
    assert request.headers["authorization"] == "Bearer tk_1"
    assert request.path == "/"


async def test_a_webhook_can_be_told_from_a_forged_one():
    async with Receiver() as server:
        clock = VirtualClock()
        await WebhookAlert(b"shared", clock).send(TITLE, TEXT, server.url)
    (request,) = server.requests
    at = request.headers["x-fallback-timestamp"]
    assert at == str(clock.now() // 1000)
    assert request.headers["x-fallback-signature"] == f"sha256={signature(b'shared', at, request.body)}"
    assert signature(b"other", at, request.body) != signature(b"shared", at, request.body)


@pytest.mark.parametrize(
    ("status", "error"),
    [(302, PermanentError), (403, PermanentError), (429, TransientError), (503, TransientError)],
)
async def test_the_servers_no_is_told_and_no_redirect_followed(status, error):
    async with Receiver() as server:
        server.status = status
        with pytest.raises(error, match=str(status)):
            await NtfyAlert(server.url).send(TITLE, TEXT, "newsroom")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["https://graph.facebook.com/x", "http://example.org/", "ftp://127.0.0.1", "http://["]
)
async def test_no_webhook_goes_to_meta_or_in_the_clear(url):
    with pytest.raises(PermanentError):
        await WebhookAlert(b"s", VirtualClock()).send(TITLE, TEXT, url)


@pytest.mark.parametrize("topic", ["", "a/b", "x" * 65, "a b"])
async def test_what_is_no_topic_is_refused(topic):
    with pytest.raises(PermanentError, match="no topic"):
        await NtfyAlert().send(TITLE, TEXT, topic)


async def test_the_desktop_is_shown_the_title_and_never_the_text(tmp_path):
    program = tmp_path / "notify"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/shown\n')
    program.chmod(stat.S_IRWXU)
    await DesktopAlert(str(program)).send("--help", "https://secret", "")
    shown = (tmp_path / "shown").read_text().splitlines()
    assert shown[-2:] == ["--", "--help"]
    assert not any("secret" in one for one in shown)
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(TransientError):
        await DesktopAlert(str(program)).send(TITLE, TEXT, "")
    with pytest.raises(PermanentError, match="no notify-send"):
        await DesktopAlert("no-such-program").send(TITLE, TEXT, "")


def test_apprise_that_is_not_there_says_how_to_get_it():
    with pytest.raises(ConfigError) as error:
        AppriseAlert("no_such_module")
    assert "pip install apprise" in error.value.hint


APPRISE = """
class Apprise:
    def add(self, url): self.url = url; return "://" in url
    def notify(self, body, title): return "down" not in self.url
"""


async def test_apprise_is_asked_for_all_but_meta(tmp_path, monkeypatch):
    (tmp_path / "apprise_stand_in.py").write_text(APPRISE)
    monkeypatch.syspath_prepend(tmp_path)
    alert = AppriseAlert("apprise_stand_in")
    await alert.send(TITLE, TEXT, "tgram://token/chat")
    for url, error in (
        ("whatsapp://t@p", PermanentError),
        ("x", PermanentError),
        ("tgram://down", TransientError),
    ):
        with pytest.raises(error):
            await alert.send(TITLE, TEXT, url)

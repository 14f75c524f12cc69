import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fallback.cli import health as module
from fallback.cli.health import command
from fallback.errors import ParseError
from fallback.probes.settings import Edge, Resolver, Settings
from fallback.simulator.endpoints import Endpoints, Fault

OUTAGES = Path(__file__).parent.parent / "data" / "outages"


def test_a_replay_prints_one_json_object_for_each_change():
    result = CliRunner().invoke(command, ["replay", str(OUTAGES / "2021-10-04-bgp-dns.json")])
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [row["state"] for row in rows] == ["DEGRADED", "DOWN", "RECOVERING", "UP"]
    assert all(set(row) == {"t", "state", "cause", "why"} for row in rows)
    assert rows[1]["cause"] == "meta_outage"
    assert rows[-1]["cause"] is None


def test_a_file_that_is_no_trace_is_told_in_words(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("[]")
    result = CliRunner().invoke(command, ["replay", str(file)])
    assert isinstance(result.exception, ParseError)
    assert "x.json is no outage trace" in result.exception.message


async def test_one_look_shows_every_probe_and_what_is_wrong(tmp_path, capsys):
    async with Endpoints(tmp_path) as there:
        await there.chat.fail(Fault.UNAVAILABLE)
        settings = Settings(
            resolvers=(Resolver("sys", "127.0.0.1", there.dns.port),),
            edges=(Edge("tls.web", "web.whatsapp.com", (there.edge.port,), address="127.0.0.1"),),
            chat=there.url(there.chat, "/ws/chat", scheme="ws"),
            graph=there.url(there.graph),
            status=there.url(there.status),
            controls=(there.url(there.control, "/generate_204"),),
            cafile=str(there.cafile),
        )
        await module.look_once(settings, as_json=False)
        shown = capsys.readouterr()
        assert "ws.web         http_503" in shown.out
        assert "WhatsApp's chat endpoint fails" in shown.err
        assert "2 of 2 unrelated hosts answer" in shown.err
        await module.look_once(settings, as_json=True)
        rows = {row["probe"]: row["outcome"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["tls.web"] == "ok"
    assert rows["ws.web"] == "http_503"


@pytest.mark.parametrize("args", [["--help"], ["watch", "--help"], ["replay", "--help"]])
def test_every_help_has_an_example(args):
    assert "Example" in CliRunner().invoke(command, args).stdout

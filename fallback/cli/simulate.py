"""``fallback simulate``: Meta on loopback, for people who want to try the relay without an account."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from pathlib import Path

    from fallback.clock import SystemClock
    from fallback.core.events import Canonical
    from fallback.networks.whatsapp.cloud import Secrets
    from fallback.paths import Profile
    from fallback.simulator.meta import Meta
    from fallback.simulator.phones import Phones

PORT = 8420
GROUP = "Y2FwaV9ncm91cDpzaW11bGF0ZWQ"
_PATIENCE = 30.0
"""Seconds for which the last webhooks may wait for a relay."""
_NAMES = ("app_secret", "access_token", "verify_token")
_PEOPLE = (("نور", "+964770000001"), ("Omar", "+964770000002"), ("هدى", "+964770000003"))


@click.command("simulate")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Of the Graph API."
)
@click.option(
    "--speed", type=click.FloatRange(0.1, 1000), default=1.0, help="Seconds of talk in one of yours."
)
@click.option(
    "--outage", type=click.FloatRange(0), default=0.0, help="Be down once for so many seconds of talk."
)
@click.option("--faults", is_flag=True, help="Webhooks come twice, in any order, in batches, forged and odd.")
@click.option(
    "--rounds", type=click.IntRange(0), default=0, help="Talk so often, then end.  [default: for ever]"
)
@click.option(
    "--print-config", is_flag=True, help="Print the fallback.toml of a profile that uses it, and end."
)
@click.option("--json", "as_json", is_flag=True, help="Print what the phones show, one JSON object a line.")
@click.pass_obj
def command(
    profile: str,
    *,
    port: int,
    speed: float,
    outage: float,
    faults: bool,
    rounds: int,
    print_config: bool,
    as_json: bool,
) -> None:
    """Simulate the Cloud API on loopback: a group whose phones talk, webhooks, outages.

    It is for the relay of the same profile.  Both listen on this machine alone; no account is needed, and nothing
    reaches Meta.

    \b
    Examples:
      fallback --profile try simulate --print-config > ~/.config/fallback/try/fallback.toml
      fallback --profile try simulate --speed 4 --outage 120 --faults
      fallback --profile try relay
    """
    from fallback.paths import Profile

    where = Profile(profile)
    secrets = _secrets(where)
    if print_config:
        data(_config(where, port or PORT))
        return
    try:
        asyncio.run(
            _simulate(
                where,
                secrets,
                port,
                speed=speed,
                outage=outage,
                faults=faults,
                rounds=rounds,
                as_json=as_json,
            )
        )
    except OSError as error:
        from fallback.errors import UsageError

        raise UsageError(
            f"can't listen on 127.0.0.1:{port}: {error.strerror}", "Name another --port."
        ) from error


def _folder(where: "Profile") -> "Path":
    return where.data / "simulated"


def _secrets(where: "Profile") -> "Secrets":
    """Give the simulated business's secrets, which are made once, in files for their owner alone."""
    from secrets import token_hex

    from fallback.networks.whatsapp.cloud import Secrets
    from fallback.paths import private_file

    for name in _NAMES:
        file = _folder(where) / name
        if not file.exists():
            private_file(file, token_hex(24).encode())
    return Secrets(**{name: (_folder(where) / name).read_text("ascii").strip() for name in _NAMES})


def _config(where: "Profile", port: int) -> str:
    from fallback.config import Cloud
    from fallback.simulator.graph import VERSION
    from fallback.simulator.meta import NUMBER

    files = "\n".join(f"{name}_file = '{_folder(where) / name}'" for name in _NAMES)
    return (
        f'[connector]\nkind = "cloud"\n\n[cloud]\nnumber = "{NUMBER}"\nlisten = "{Cloud().listen}"\n{files}\n\n'
        f'[whatsapp]\ngraph = "http://127.0.0.1:{port}/{VERSION}"'
    )


async def _simulate(
    where: "Profile",
    secrets: "Secrets",
    port: int,
    *,
    speed: float,
    outage: float,
    faults: bool,
    rounds: int,
    as_json: bool,
) -> None:
    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.relay.service import stop_signals, until
    from fallback.simulator.meta import Meta
    from fallback.simulator.payloads import Quirks
    from fallback.simulator.webhooks import Faults

    cloud = compose.settings(where).cloud
    meta = Meta(secrets, SystemClock(), webhook=f"http://{cloud.listen}{cloud.path}")
    if faults:
        quirks = Quirks(integer_times=True, no_contacts=True, unknown_fields=True)
        meta.webhooks.faults = Faults(batch=5, duplicated=0.3, shuffled=True, forged=0.2, quirks=quirks)
    with stop_signals() as stop:
        async with meta.running(port):
            say(f"the Graph API is at {meta.graph.base}; webhooks go to {meta.webhooks.url}; Ctrl-C ends it")
            await until(stop, _talk(meta, SystemClock(speed), outage, rounds, as_json=as_json))
            left = f"; {meta.webhooks.waiting} webhooks were not taken" if meta.webhooks.waiting else ""
            say(f"the phones showed {len(meta.network.shown)} events{left}")


async def _talk(meta: "Meta", clock: "SystemClock", outage: float, rounds: int, *, as_json: bool) -> None:
    """Let the phones talk, round after round, with one outage after the first."""
    from fallback.core.events import Group, Identity
    from fallback.core.ids import ChatId
    from fallback.demo import script
    from fallback.simulator.phones import Phones

    people = [Identity(name=name, phone=phone) for name, phone in _PEOPLE]
    chat, names = ChatId(GROUP), [one.name for one in people]
    meta.network.found(Group(chat=chat, name="Simulated newsroom", members=tuple(people)))
    meta.network.connectors.append(_Shown(as_json=as_json))
    phones = Phones(meta.network, chat, people, clock)
    done = 0
    while not rounds or done < rounds:
        await phones.play(script.before(names))
        if outage and not done:
            await _outage(meta, clock, phones, names, outage)
        await phones.play(script.after(names))
        done += 1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await meta.webhooks.drained()


async def _outage(
    meta: "Meta", clock: "SystemClock", phones: "Phones", names: list[str], seconds: float
) -> None:
    from fallback.demo import script

    meta.network.cut()
    say("the outage begins")
    during = script.during(names)
    await phones.play(during)
    await clock.sleep(seconds - sum(line.after for line in during))
    meta.network.restore()
    say("the outage is over")


class _Shown:
    """Prints what the phones show: the truth that a mirror is compared with."""

    echoes = True

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def offer(self, event: "Canonical") -> None:
        """Print one event."""
        if self._as_json:
            emit_json(event)
        else:
            from fallback.core.events import Message, Reaction

            words = (
                event.text if isinstance(event, Message) else event.key if isinstance(event, Reaction) else ""
            )
            say(f"{event.sender.name or 'the business'}: {words}")

"""``fallback status``: the profile at a glance."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from fallback.cli.output import data, emit_json

if TYPE_CHECKING:
    from fallback.core.ports import Store
    from fallback.paths import Profile


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, *, as_json: bool) -> None:
    """Show the profile's groups and what waits to be sent.

    A relay that runs on the profile is asked; `fallback relay status` shows more of it.

    \b
    Examples:
      fallback status
      fallback --profile newsroom status --json
    """
    from fallback.paths import Profile

    where = Profile(profile)
    facts = _nothing(where)
    if where.store_file.exists() or where.control_socket.exists():
        import asyncio  # half of what an empty profile's answer would cost

        facts |= asyncio.run(_facts(where))
    if as_json:
        emit_json(facts)
        return
    data(f"profile   {profile}")
    data(f"account   {facts['account'] or 'none yet'}")
    data(f"waiting   {facts['waiting']} to be sent, {facts['stuck']} stuck")
    if facts["relay"]:
        data("relay     runs")
    for group in facts["groups"]:
        data(f"group     {group}")
    for name, found in facts["verified"].items():
        at = datetime.fromtimestamp(found["at"] / 1000, UTC)
        data(f"verified  {name}: {found['differences']} differences, {at:%Y-%m-%d %H:%M} UTC")


def _nothing(where: "Profile") -> dict[str, Any]:
    return {
        "profile": where.name,
        "account": None,
        "groups": [],
        "waiting": 0,
        "stuck": 0,
        "relay": False,
        "verified": {},
    }


async def _facts(where: "Profile") -> dict[str, Any]:
    from fallback.relay.client import NoRelayError, ask

    try:
        told = await ask(where.data, "status")
    except NoRelayError:
        return await _stored(where) if where.store_file.exists() else {}
    return {
        "account": told["account"],
        "groups": [one["name"] for one in told["groups"]],
        "waiting": told["waiting"] + told["stuck"],
        "stuck": told["stuck"],
        "relay": True,
    }


async def _stored(where: "Profile") -> dict[str, Any]:
    from fallback import compose
    from fallback.errors import AuthError

    async with compose.open_store(where, shared=True) as store:
        try:
            account: str | None = (await compose.account(store)).user
        except AuthError:
            account = None
        return {
            "account": account,
            "groups": [one.name or one.id for one in await store.portals()],
            "waiting": await store.pending(),
            "stuck": len(await store.wedges()),
            "verified": await _verified(store),
        }


async def _verified(store: "Store") -> dict[str, dict[str, int]]:
    """Tell when each group's room was last held against its export, and how many differences there were."""
    import msgspec

    from fallback.core.verification import Report, report_key

    found = {}
    for portal in await store.portals():
        kept = await store.get(report_key(portal.id))
        if kept:
            report = msgspec.json.decode(kept, type=Report)
            found[portal.name or portal.id] = {"at": report.at, "differences": report.differences}
    return found

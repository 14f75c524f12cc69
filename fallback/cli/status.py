"""``fallback status``: the profile at a glance."""

from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json

if TYPE_CHECKING:
    from fallback.paths import Profile


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, *, as_json: bool) -> None:
    """Show the profile's groups and what waits to be sent.

    \b
    Examples:
      fallback status
      fallback --profile newsroom status --json
    """
    from fallback.paths import Profile

    where = Profile(profile)
    if not where.store_file.exists():
        facts: dict[str, object] = {
            "profile": profile,
            "account": None,
            "groups": [],
            "waiting": 0,
            "stuck": 0,
        }
    else:
        import asyncio

        facts = asyncio.run(_facts(where))
    if as_json:
        emit_json(facts)
        return
    data(f"profile   {profile}")
    data(f"account   {facts['account'] or 'none yet'}")
    data(f"waiting   {facts['waiting']} to be sent, {facts['stuck']} stuck")
    for group in facts["groups"]:  # type: ignore[attr-defined]
        data(f"group     {group}")


async def _facts(where: "Profile") -> dict[str, object]:
    from fallback import compose
    from fallback.errors import AuthError

    async with compose.open_store(where) as store:
        try:
            account: str | None = (await compose.account(store)).user
        except AuthError:
            account = None
        return {
            "profile": where.name,
            "account": account,
            "groups": [one.name or one.id for one in await store.portals()],
            "waiting": await store.pending(),
            "stuck": len(await store.wedges()),
        }

"""``fallback switch``: a person's word against the detector's."""

from typing import TYPE_CHECKING

import click

from fallback.cli.output import emit_json, say

if TYPE_CHECKING:
    from fallback.core.override import Override


@click.command("switch")
@click.argument("state", type=click.Choice(["down", "up", "auto"]))
@click.option("--why", default="", help="The reason; the room is told it.")
@click.option("--who", default="", help="Who decides; you, where not given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(profile: str, *, state: str, why: str, who: str, as_json: bool) -> None:
    """Move the team by hand (down), bring it back (up), or let the detector decide again (auto).

    The relay obeys within seconds, or when it starts next; who decided and why is kept with its verdicts.

    \b
    Examples:
      fallback switch down --why "calls fail for everybody"
      fallback switch auto
    """
    import asyncio
    import getpass

    from fallback.clock import SystemClock
    from fallback.core.health import State
    from fallback.core.override import Override
    from fallback.text import sanitise_name

    name = sanitise_name(who or getpass.getuser())
    chosen = None if state == "auto" else State(state.upper())
    said = Override(chosen, name, sanitise_name(why), SystemClock().now())
    asyncio.run(_leave(profile, said))
    if as_json:
        emit_json({"state": state, "who": said.who, "why": said.why, "at": said.at})
    else:
        say(f"{state}, by {said.who}; the relay follows within seconds, or when it starts next")


async def _leave(profile: str, said: "Override") -> None:
    from fallback import compose
    from fallback.core import override
    from fallback.paths import Profile

    async with compose.open_store(Profile(profile), shared=True) as store:
        await store.put(override.KEY, override.encode(said))

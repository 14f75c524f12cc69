"""``fallback config``: what is set, and where."""

import click

from fallback.cli.output import data, emit_json


@click.group("config")
def command() -> None:
    """Show the configuration and where each value came from."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(profile: str, *, as_json: bool) -> None:
    """List every key, its value and the file or variable that set it.

    \b
    Examples:
      fallback config show
      fallback config show --json | jq '.["account.user"].value'
    """
    from fallback.config import load, values
    from fallback.paths import Profile

    rows = values(load(Profile(profile).config_file))
    if as_json:
        emit_json({key: {"value": value, "from": origin} for key, value, origin in rows})
        return
    for key, value, origin in rows:
        data(f"{key} = {value!r:<45} # {origin}")


@command.command()
@click.pass_obj
def path(profile: str) -> None:
    """Print where this profile's fallback.toml is looked for.

    \b
    Example:
      $EDITOR "$(fallback config path)"
    """
    from fallback.paths import Profile

    data(str(Profile(profile).config_file))

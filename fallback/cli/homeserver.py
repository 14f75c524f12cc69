"""``fallback homeserver``: run the managed homeserver of this profile."""

from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.homeserver import ManagedHomeserver


@click.group("homeserver")
def command() -> None:
    """Run the managed homeserver of this profile.

    It is a Synapse on this machine alone: no federation, nothing called home, its data in the profile's folder.
    """


@command.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="On loopback; 0 for any free one.")
@click.option("--detach", is_flag=True, help="Leave it running and return.")
@click.pass_obj
def start(profile: str, port: int | None, *, detach: bool) -> None:
    """Run it until Ctrl-C, and start it again should it crash.

    \b
    Examples:
      fallback homeserver start
      fallback homeserver start --port 8008
      fallback homeserver start --detach && fallback homeserver status
    """
    import asyncio

    asyncio.run(_start(_managed(profile, port), detach=detach))


@command.command()
@click.pass_obj
def stop(profile: str) -> None:
    """Stop it, whoever started it.

    \b
    Example:
      fallback homeserver stop
    """
    import asyncio

    from fallback.homeserver.layout import Layout
    from fallback.homeserver.process import end_stranger
    from fallback.paths import Profile

    layout = Layout(Profile(profile).homeserver)
    say("stopped" if asyncio.run(end_stranger(layout, 10.0)) else "it is not running")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(profile: str, *, as_json: bool) -> None:
    """Say whether it runs, and where.

    \b
    Examples:
      fallback homeserver status
      fallback homeserver status --json | jq -r .url
    """
    from fallback.homeserver.layout import Layout, load_state
    from fallback.homeserver.lock import holder
    from fallback.paths import Profile

    layout = Layout(Profile(profile).homeserver)
    pid, state = holder(layout.pid), load_state(layout)
    running = pid is not None and state is not None
    facts = {
        "running": running,
        "pid": pid if running else None,
        "url": f"http://127.0.0.1:{state.port}" if state and running else None,
        "server_name": state.server_name if state else None,
        "detached": bool(state and running and state.detached),
        "manager": holder(layout.manager),
        "folder": str(layout.folder),
    }
    if as_json:
        emit_json(facts)
    elif running:
        data(f"{facts['server_name']} runs at {facts['url']} (pid {pid}), data in {layout.folder}")
    else:
        data("not running" if state else "not running, and never started")


@command.command("add-user")
@click.argument("name")
@click.option("--display-name", default="", help="What people see.")
@click.option("--admin", is_flag=True, help="May administer the homeserver.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def add_user(profile: str, name: str, display_name: str, *, admin: bool, as_json: bool) -> None:
    """Make an account with a random password, or give one that exists a new password.

    The password is shown once, on stdout, and kept nowhere.

    \b
    Examples:
      fallback homeserver add-user salma --display-name "Salma Haddad"
      fallback homeserver add-user editor --admin --json
    """
    import asyncio

    from fallback.homeserver import Account

    async def add() -> tuple[Account, str]:
        async with _managed(profile, None, attach=True) as server:
            account = await server.create_account(name, display_name=display_name, admin=admin)
            return account, server.url

    account, url = asyncio.run(add())
    if as_json:
        emit_json(
            {
                "user": account.user,
                "password": account.password,
                "created": account.created,
                "homeserver": url,
            }
        )
        return
    say("account made" if account.created else "the account was there; its password is a new one")
    data(f"user      {account.user}")
    data(f"password  {account.password}")


def _managed(profile: str, port: int | None, *, attach: bool = False) -> "ManagedHomeserver":
    from fallback.config import load
    from fallback.homeserver import ManagedHomeserver
    from fallback.paths import Profile

    place = Profile(profile)
    options = load(place.config_file).config.homeserver
    return ManagedHomeserver(
        place.homeserver,
        server_name=options.server_name,
        port=options.port if port is None else port,
        attach=attach,
    )


async def _start(server: "ManagedHomeserver", *, detach: bool) -> None:
    import asyncio
    import signal

    task = asyncio.current_task()
    if task is None:
        return
    asked = False

    def leave() -> None:
        nonlocal asked
        asked = True
        task.cancel()

    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, leave)
    try:
        await server.start(say, detach=detach)
        data(server.url)
        if not server.borrowed:
            await server.supervise(say)
            say("the homeserver was stopped")
    except asyncio.CancelledError:
        if not asked:
            raise
        say("stopping")
    finally:
        await server.stop()

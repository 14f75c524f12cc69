"""The command line: a table of commands, each loaded when it is used."""

import importlib
from typing import Any

import click

from fallback import __version__

COMMANDS = {
    "archive": "Keep an export as a page to read and search.",
    "config": "Show the configuration and where each value came from.",
    "contacts": "Keep people's names, numbers and Matrix ids together.",
    "demo": "Run the main job on an embedded homeserver; no account needed.",
    "doctor": "Check this machine and profile, and say what to mend.",
    "health": "See whether WhatsApp works, or replay a recorded outage.",
    "homeserver": "Run the managed homeserver of this profile.",
    "inspect": "Say what a WhatsApp export holds.",
    "keys": "Prove who you are, and read what is encrypted.",
    "login": "Sign this profile in to a Matrix account.",
    "logout": "Sign this profile out and delete its device.",
    "migrate": "Turn a WhatsApp export into a Matrix room.",
    "relay": "Keep WhatsApp groups and their rooms in step (daemon).",
    "status": "Show the profile's groups and what waits to be sent.",
    "ready": "Show who could be reached if WhatsApp went down now.",
    "rollcall": "Show who has been reached since the outage began.",
    "simulate": "Simulate WhatsApp's business interface on this machine.",
    "switch": "Move the team by hand, or let the detector decide.",
    "drill": "Rehearse the move, and see who answered.",
    "outages": "List past outages and drills.",
    "vault": "Lock the profile's keys; back up and restore.",
    "verify-migration": "Compare a room with the exports that it was made of.",
    "invite": "Invite people to a group's room, with its history.",
}
"""Name and one line of help; the module of the same name holds ``command``."""

EXIT_CODES = """\b
Exit codes:
  0 done          1 failed         2 wrong usage      3 configuration
  4 refused       5 unreadable     6 store            7 profile in use
  8 homeserver    9 try again     10 impossible     130 interrupted"""


def module_of(command: str) -> str:
    """Name the module of a command."""
    return command.replace("-", "_")


class Lazy(click.Group):
    """A group whose help needs no command's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"fallback.cli.{module_of(cmd_name)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Lazy, invoke_without_command=True, epilog=EXIT_CODES)
@click.option(
    "--profile",
    default="default",
    envvar="FALLBACK_PROFILE",
    help="One account and its data folder.",
    show_default=True,
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.option("--plain", is_flag=True, help="Open the client line by line, for screen readers and pipes.")
@click.version_option(__version__, prog_name="fallback")
@click.pass_context
def main(ctx: click.Context, profile: str, *, debug: bool, plain: bool) -> None:
    """Keep a work group talking when WhatsApp goes down.

    Without a command it opens the terminal client.

    \b
    Examples:
      fallback                                 open the client
      fallback migrate "WhatsApp Chat.zip"     show the plan, ask, then move the group
      fallback relay                           mirror until stopped
      fallback demo                            see all of it, with no account
    """
    ctx.obj = profile
    ctx.meta["debug"] = debug
    if ctx.invoked_subcommand is None:
        from fallback.cli.client import open_client

        open_client(profile, plain=plain)

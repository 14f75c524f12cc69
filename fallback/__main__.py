"""The program: runs a command and turns errors into a sentence and an exit code."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fallback.errors import FallbackError


def main(arguments: list[str] | None = None) -> None:
    """Run ``fallback``; the process ends with a documented exit code."""
    import click

    from fallback.cli import main as command
    from fallback.errors import FallbackError

    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = command.main(arguments, prog_name="fallback", standalone_mode=False)
    except (FallbackError, ExceptionGroup) as raised:
        error = first(raised)
        if "--debug" in arguments or error is None:
            raise
        from fallback.cli.output import explain

        explain(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def first(raised: Exception) -> "FallbackError | None":
    """Find the error that a person should see; loops that run together raise it in a group."""
    from fallback.errors import FallbackError

    if isinstance(raised, ExceptionGroup):
        return next((found for one in raised.exceptions if (found := first(one))), None)
    return raised if isinstance(raised, FallbackError) else None


if __name__ == "__main__":
    main()

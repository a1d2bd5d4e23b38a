"""The command: one file a verb; verbs parse and print, and decide nothing.

Exit codes: 0 done, 1 a step failed, 2 the user can mend it.
"""

import logging
import sys

import typer

from medvlsynther import __version__, catalog
from medvlsynther.cli._printing import complain
from medvlsynther.errors import MedvlsyntherError
from medvlsynther.executors.base import calm_collector
from medvlsynther.progress import STEADY

app = typer.Typer(
    name="medvlsynther",
    help="Audited multiple-choice visual questions from open biomedical literature.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Only `--version`; everything else belongs to a verb."""
    del version


for _verb in catalog.modules("cli"):
    app.command(_verb)(catalog.module("cli", _verb).run)


def main() -> None:
    """Entry point: errors become one line and an exit code, never a traceback."""
    if not sys.stderr.isatty():
        STEADY.addHandler(logging.StreamHandler())
    calm_collector()
    try:
        app()
    except MedvlsyntherError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("Stopped. Run the same command again to go on from here")
        sys.exit(130)

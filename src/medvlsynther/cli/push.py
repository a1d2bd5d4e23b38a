"""`medvlsynther push`."""

from pathlib import Path
from typing import Annotated

import typer

from medvlsynther.cli._printing import say
from medvlsynther.export.push import parcel, push


def run(
    folder: Annotated[Path, typer.Argument(help="The dataset/ folder of a finished export step.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Repository on the Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
) -> None:
    """Send a finished data set to the Hub, private unless you say otherwise.

    Examples:

        medvlsynther push store/steps/export.hf-0123456789abcdef/dataset owner/name --dry-run
    """
    sent = parcel(folder)
    licences = ", ".join(f"{licence} {count}" for licence, count in sorted(sent.licences.items()))
    say(f"{len(sent.files)} files, {sent.size_bytes / 1e6:,.1f} MB; figures by licence: {licences or 'none'}")
    if dry_run:
        say(f"Nothing was sent to {repo}")
        return
    say(push(sent, repo, public=public))

"""`medvlsynther fetch`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from medvlsynther.cli._printing import err, grid, say

Words = Annotated[
    list[str], typer.Argument(metavar="ID|FILE…", help="PMC ids, or files that hold some (a saved search will do).")
]


def run(
    source: Annotated[Literal["pmc"], typer.Argument(help="Where to fetch from.")],
    ids: Words,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to fetch into.")] = Path("articles"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read metadata only; write nothing.")] = False,
    base_url: Annotated[str | None, typer.Option(help="Another address of the bucket, e.g. a mirror.")] = None,
    connections: Annotated[int, typer.Option(help="Most connections at once.")] = 4,
) -> None:
    """Fetch open-access articles with their images, in the layout that `collect` reads.

    Licences are looked at before images are fetched. Run it again to go on; what is there is not fetched twice.

    Examples:

        medvlsynther fetch pmc PMC1762412 PMC2467486 --to articles

        medvlsynther fetch pmc ids.txt --dry-run
    """
    from rich.progress import Progress

    from medvlsynther.sources._fetch import BUCKET, Fetched, fetch_pmc, read_ids

    del source
    wanted = [found for word in ids for found in (read_ids(Path(word)) if Path(word).is_file() else [word])]
    with Progress(console=err, transient=True) as bars:
        task = bars.add_task("fetch", total=len(wanted))

        def tell(done: int, total: int, article: Fetched) -> None:
            bars.update(task, completed=done, total=total, description=article.id)

        fetched = fetch_pmc(
            wanted, to, dry_run=dry_run, progress=tell, base_url=base_url or BUCKET, connections=connections
        )
    rows = [(f.id, f.outcome, f"{f.reason} {f.detail}".strip(), f.files, f"{f.size_bytes:,}") for f in fetched]
    grid(("article", "outcome", "reason", "files", "bytes"), rows, numbers=("files", "bytes"))
    counts = Counter(f.outcome for f in fetched)
    say(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    if counts["failed"]:
        raise typer.Exit(1)

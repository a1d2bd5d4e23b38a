"""`medvlsynther why`."""

from typing import Annotated, Any

import typer

from medvlsynther.cli._printing import SiteFile, StoreFolder, say, store_of
from medvlsynther.errors import MissingInput
from medvlsynther.pipeline.lineage import Passage, planned, runs, trace
from medvlsynther.store.layout import Store


def run(
    id: Annotated[str, typer.Argument(help="Id of an item (`article/figure#1`) or a figure (`article/figure`).")],  # noqa: A002
    recipe: Annotated[
        str | None, typer.Option("--run", help="Run to look into (default: all that know the id).")
    ] = None,
    site: SiteFile = None,
    store: StoreFolder = None,
) -> None:
    """Print the whole lineage of an item: article, licence, figure, prompts and models, marks, decisions.

    Example:

        medvlsynther why 'file:SYN0001.1/SYN0001.1/f1#1'
    """
    place = store_of(site, store)
    found = False
    for name in [recipe] if recipe else runs(place):
        passages = list(trace(place, planned(place, name), id))
        if passages:
            found = True
            _tell(place, name, passages)
    if not found:
        known = ", ".join(runs(place)) or "none"
        raise MissingInput(f"No row or reject {id!r}", where=str(place.root), mend=f"Runs in this store: {known}")


def _tell(store: Store, name: str, passages: list[Passage]) -> None:
    say(f"{name}", style="bold")
    article = next((p.row["article"] for p in passages if p.row and "article" in p.row), None)
    if article:
        _article(article)
    for passage in passages:
        if passage.reject:
            say(f"✗ {passage.step}: {passage.reject['reason']} {passage.reject['detail']}", style="red")
        elif passage.row:
            say(f"✓ {passage.step}", style="green")
            _cards(passage.manifest)
            for line in _facts(passage.row):
                say(f"    {line}")
    say(f"Tables: {store.steps}")


def _article(article: dict[str, Any]) -> None:
    licence = article["licence"]
    say(f"  article  {article['article_id']}  {article['title']}")
    say(f"  source   {article['journal'] or ''} {article['year'] or ''}  doi {article['doi'] or 'none'}")
    say(f"  licence  {licence['code']} ({licence['standing']}: {', '.join(licence['reasons'])})")
    say(f"  credit   {licence['attribution']}")


def _cards(manifest: dict[str, Any]) -> None:
    for card, digest in manifest["cards"].items():
        say(f"    {card}  sha256 {digest[:16]}…")


def _facts(row: dict[str, Any]) -> list[str]:
    """What a row adds to the story, by kind of row."""
    lines = []
    if "caption" in row:
        lines.append(f"figure {row['label']}: {row['caption'][:200]}")
        lines += [
            f"image {i['name']}  {_size(i)}  sha256 {(i['sha256'] or 'not prepared')[:16]}" for i in row["images"]
        ]
        lines += [f"category {row['category']}"] if row["category"] else []
    if "options" in row:
        lines.append(row["question"])
        lines += [f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJ", row["options"], strict=False)]
        lines.append(f"key {row['answer']}")
    if "notes" in row and "options" in row:
        lines += [f"lint {n['rule']} ({n['severity']}): {n['detail']}" for n in row["notes"]]
    if "marks" in row:
        lines.append(f"passed {row['passed']}  score {row['score']}")
        lines += [
            f"{'+' if m['passed'] else '-'} {m['criterion']} {m['score']:g}/{m['weight']:g} by {m['by']}: {m['note']}"
            for m in row["marks"]
        ]
    if "anatomy" in row:
        lines.append(f"{row['question_type']} · {row['modality']} · {row['anatomy']} (by {row['by']})")
    return lines


def _size(image: dict[str, Any]) -> str:
    return f"{image['width_px']}×{image['height_px']} px" if image["width_px"] else ""

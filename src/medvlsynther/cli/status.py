"""`medvlsynther status`."""

from pathlib import Path
from typing import Any

from medvlsynther.cli._printing import After, Ref, Sets, SiteFile, StoreFolder, grid, recipe_of, say, site_of
from medvlsynther.pipeline.rounds import planned
from medvlsynther.pipeline.site import Site
from medvlsynther.pipeline.summary import funnel, spent
from medvlsynther.store.layout import Store

NUMBERS = ("rows", "tokens", "cached", "price")


def run(recipe: Ref, sets: Sets = None, site: SiteFile = None, store: StoreFolder = None, after: After = None) -> None:
    """Print which steps of a recipe are done, their rows and rejects, and what their replies cost.

    Example:

        medvlsynther status quickstart
    """
    where = site_of(site, store)
    place = Store(Path(where.store))
    steps = planned(recipe_of(recipe, sets, after), place)
    manifests = [place.manifest(step.id) for step in steps]
    rows = [_row(step.id, manifest, where) for step, manifest in zip(steps, manifests, strict=True)]
    grid(("step", "state", "rows", "rejects", "tokens", "cached", "price"), rows, numbers=NUMBERS)
    done = [manifest for manifest in manifests if manifest is not None]
    say(f"{len(done)} of {len(steps)} steps are done.")
    price = sum(spent(where, manifest) for manifest in done)
    kept = next((m["rows"] for m in reversed(done) if m["table"] == "items.parquet"), 0)
    if price and kept:
        say(f"{price:,.2f} spent for {kept:,} accepted items: {price / kept:,.4f} each.")


def _row(step_id: str, manifest: dict[str, Any] | None, site: Site) -> tuple[Any, ...]:
    if manifest is None:
        return (step_id, "to do", *("",) * 5)
    tokens = sum(u["prompt_tokens"] + u["reply_tokens"] for u in manifest["usage"].values())
    cached = sum(u["cached_tokens"] for u in manifest["usage"].values())
    price = spent(site, manifest)
    return (
        step_id,
        "done",
        manifest["rows"],
        funnel(manifest),
        f"{tokens:,}" if tokens else "",
        f"{cached:,}" if cached else "",
        f"{price:,.2f}" if price else "",
    )

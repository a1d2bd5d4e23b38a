"""A recipe whose models are asked through batch services: it runs as far as it can, and writes what it would ask."""

from pathlib import Path

from rich.console import Console

from medvlsynther.errors import BatchWaits
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
from medvlsynther.store.layout import Store

BATCHED = "openai"
"""The engine whose requests a batch service takes as they are."""


def batch_folder(site: Site) -> Path:
    """Where the batches of a store lie."""
    return Path(site.store) / "batches"


def write(recipe: Recipe, site: Site, *, console: Console | None = None) -> bool:
    """Run a recipe up to the first replies that are not there, and write their requests; True when nothing is missing.

    Raises: whatever a run raises, but for what waits for a batch.
    """
    folder = batch_folder(site)
    models = {
        model.name: model for step in plan(recipe, cache=Store(Path(site.store)).corpora) for model in step.models
    }
    endpoints = {name: site.endpoint(name) for name in models}
    for name, endpoint in endpoints.items():
        if (endpoint.engine or models[name].engine) == BATCHED:
            endpoints[name] = endpoint.model_copy(update={"engine": "batch", "folder": str(folder)})
    try:
        run(recipe, site.model_copy(update={"models": endpoints}), console=console)
    except BatchWaits:
        return False
    return True

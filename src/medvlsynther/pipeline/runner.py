"""Runs the steps of a plan that are not done yet. A step is done when its folder bears its name.

Killed at any moment, started again: finished steps are kept, those under way start anew, and what a model answered
comes from the ledger. Nothing about time, host or order of completion reaches a table or a manifest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console

from medvlsynther.pipeline.chains import chains
from medvlsynther.pipeline.crew import Crew, in_turns
from medvlsynther.pipeline.desk import perform, wires
from medvlsynther.pipeline.plan import Step, plan
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.pipeline.rounds import narrowed
from medvlsynther.pipeline.shares import Work
from medvlsynther.pipeline.site import Site
from medvlsynther.progress import Board, Budget
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.layout import Store, write_aside
from medvlsynther.store.shares import Share


@dataclass(frozen=True)
class Finished:
    """A step on disk, and whether this run made it."""

    step: Step
    manifest: dict[str, Any]
    fresh: bool


def run(
    recipe: Recipe,
    site: Site,
    *,
    budget: Budget | None = None,
    console: Console | None = None,
    share: Share | None = None,
) -> list[Finished]:
    """Every step of the recipe, done; by a share of several, as far as it comes.

    Raises: UserError for what the user can mend, StoreInUse where others work on this recipe, ShareDone where a share
    can do no more before others have done their parts, StepFailed for a stage that broke its contract; finished steps
    and paid replies stay in the store in any case.
    """
    site = site.located()
    store = Store(Path(site.store))
    store.prepare()
    made: dict[str, dict[str, Any]] = {}
    budget = budget or Budget()
    crew = Crew(store, recipe)

    def do(part: Recipe) -> list[Step]:
        steps = plan(part, cache=store.corpora)
        record_run(store, part, steps)
        note_corpora(store, steps)
        with Board(console) as board:
            work = Work(store, site, board, budget)
            if share:
                made.update(in_turns(steps, crew, share, work))
            else:
                for chain in chains(steps, store):
                    made.update(zip((step.id for step in chain), perform(chain, *work), strict=True))
        return steps

    with crew.joined(share):
        steps = do(narrowed(recipe, store, do))
    return [Finished(step, made.get(step.id) or store.manifest(step.id) or {}, step.id in made) for step in steps]


def record_run(store: Store, recipe: Recipe, steps: list[Step]) -> None:
    """Write what will run under `runs/<recipe>/`: the resolved recipe and the plan."""
    folder = store.runs / recipe.folder
    resolved = {"recipe": recipe.ref, "after": recipe.after.ref if recipe.after else None, "stages": recipe.stages}
    write_aside(folder / "recipe.yaml", yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True).encode())
    lines = [{"name": step.name, "stage": step.stage, "id": step.id, "inputs": wires(step)} for step in steps]
    write_aside(folder / "plan.json", orjson.dumps(lines, option=orjson.OPT_INDENT_2))
    store.publish(folder)


def note_corpora(store: Store, steps: list[Step]) -> None:
    """Note where each corpus lies now, so that steps after `collect` find its images."""
    for step in steps:
        for value in step.settings.values():
            if isinstance(value, Corpus):
                store.remember_corpus(value.digest, value.path)

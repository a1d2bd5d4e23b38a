"""`medvlsynther plan`."""

from pathlib import Path
from typing import Annotated

import typer

from medvlsynther.cli._printing import After, Sets, SiteFile, StoreFolder, grid, recipe_of, say, site_of
from medvlsynther.pipeline.estimate import Estimate, estimate
from medvlsynther.pipeline.plan import Step
from medvlsynther.pipeline.recipe import expand
from medvlsynther.pipeline.rounds import planned
from medvlsynther.store.layout import Store

Refs = Annotated[list[str], typer.Argument(metavar="RECIPE…", help="Recipes; `name@*` stands for all its variants.")]


def run(
    recipes: Refs, sets: Sets = None, site: SiteFile = None, store: StoreFolder = None, after: After = None
) -> None:
    """Print steps, wires, what is done, and what the rest will ask and cost. Nothing runs.

    Counts above finished steps are upper bounds. Tokens are estimates for one request: `shared` stand first in every
    request of a step, and a server with a prefix cache computes them once; `own` are the others of its prompt. For a
    training: memory of each GPU, steps, hours and what would be run.

    Examples:

        medvlsynther plan medsynvqa@5k

        medvlsynther plan 'medsynvqa@*'
    """
    where = site_of(site, store)
    place = Store(Path(where.store))
    plans = {ref: planned(recipe_of(ref, sets, after), place) for given in recipes for ref in expand(given)}
    if len(plans) == 1:
        _one(estimate(next(iter(plans.values())), place, where))
    else:
        _several(plans, place)


def _one(estimates: list[Estimate]) -> None:
    grid(
        ("step", "reads", "rows", "requests", "shared", "own", "reply", "price"),
        ((e.step.name, _sources(e.step), _rows(e), *_asked(e)) for e in estimates),
        numbers=("rows", "requests", "shared", "own", "reply", "price"),
    )
    todo = [e for e in estimates if not e.done]
    say(f"{len(estimates) - len(todo)} of {len(estimates)} steps are done.")
    asked = [e for e in todo if e.requests is not None]
    if asked:
        say(
            f"To ask: {sum(e.requests or 0 for e in asked):,} requests with {sum(e.images for e in asked):,} images, "
            f"{sum(e.prompt_tokens for e in asked):,} prompt and {sum(e.reply_tokens for e in asked):,} reply tokens, "
            f"at most {sum(e.price for e in asked):,.2f} at the site's prices."
        )
    for each in todo:
        if each.training:
            for line in (*each.training.lines(), *each.training.commands):
                say(f"{each.step.name}: {line}")


def _several(plans: dict[str, list[Step]], store: Store) -> None:
    steps = {step.id: step for part in plans.values() for step in part}
    total = sum(map(len, plans.values()))
    asking = [step for step in steps.values() if step.models]
    all_asking = sum(bool(step.models) for part in plans.values() for step in part)
    seen: set[str] = set()
    rows = []
    for ref, steps_of in plans.items():
        fresh = [step for step in steps_of if step.id not in seen]
        seen.update(step.id for step in steps_of)
        rows.append((ref, len(steps_of), len(fresh), ", ".join(step.name for step in fresh)))
    grid(("recipe", "steps", "new", "not shared with those above"), rows, numbers=("steps", "new"))
    done = sum(store.manifest(step_id) is not None for step_id in steps)
    say(f"{len(steps)} distinct steps instead of {total}; {len(asking)} of {all_asking} that ask a model; {done} done.")


def _sources(step: Step) -> str:
    return ", ".join(dict.fromkeys(source.name for source in step.inputs.values() if source))


def _rows(e: Estimate) -> str:
    if e.rows_out is None:
        return "?"
    return f"{e.rows_out:,} done" if e.done else f"≤ {e.rows_out:,}"


def _asked(e: Estimate) -> tuple[str, ...]:
    if not e.step.models or e.done:
        return ("",) * 5
    if e.requests is None:
        return ("?",) * 5
    each = max(1, e.requests)
    numbers = (e.requests, e.shared_tokens, e.prompt_tokens // each - e.shared_tokens, e.reply_tokens // each)
    return (*(f"{max(0, n):,}" for n in numbers), f"{e.price:,.2f}")

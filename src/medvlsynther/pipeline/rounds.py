"""A recipe that stops at so many accepted items a category: which figures it asks about, found in rounds.

The first round asks about as many figures a category as items are wanted; each later one takes as many more as the
share accepted so far makes likely to do. Figures are taken in their order, and what a round accepted decides the next
one: neither time, the order of replies nor an interruption has a part in it. Finished rounds are read from the store,
and replies of earlier rounds come from the ledger.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from medvlsynther.errors import BadSetting
from medvlsynther.pipeline.plan import STAGE, Step, plan, signature
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.records import Figure, Item
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table

ENOUGH, TAKE = "enough", "take"
MARGIN = 1.1
"""Figures taken beyond those that the share accepted so far makes likely to do: a round costs more than a figure."""

Perform = Callable[[Recipe], object]


def planned(recipe: Recipe, store: Store) -> list[Step]:
    """The steps of a recipe, at the round that it has come to."""
    return plan(narrowed(recipe, store), cache=None)


def narrowed(recipe: Recipe, store: Store, perform: Perform | None = None) -> Recipe:
    """The recipe with `take` at its last round; unchanged where it has no `enough`.

    `perform` runs a recipe whose steps are not all done; without it, the round that is not done is the last.

    Raises: BadSetting where `take` is set as well; whatever `perform` raises.
    """
    names = [name for name, settings in recipe.stages.items() if settings.get(STAGE, name) == ENOUGH]
    if not names:
        return recipe
    if any(settings.get(STAGE, name) == TAKE for name, settings in recipe.stages.items()):
        raise BadSetting("The runner sets how many figures are taken", where=recipe.ref, mend=f"Leave out {TAKE}")
    place = _after_figures(recipe, names[0])
    source = _upto(recipe, place)
    if not _done(source, store, perform):
        return recipe
    there = _figures(source, store)
    each = plan(_upto(recipe, list(recipe.stages).index(names[0]) + 1), cache=store.corpora)[-1].settings["each"]
    share = {category: min(count, each) for category, count in there.items()}
    while True:
        whole = _taking(recipe, place, share)
        round_ = _upto(whole, list(whole.stages).index(names[0]) + 1)
        if not _done(round_, store, perform):
            return whole
        more = _next(each, share, there, _accepted(round_, store))
        if more == share:
            return whole
        share = more


def _next(each: int, share: Mapping[str, int], there: Mapping[str, int], accepted: Mapping[str, int]) -> dict[str, int]:
    """Figures to take of each category, by what those taken gave."""
    found = {}
    for category, taken in share.items():
        lacking = each - accepted.get(category, 0)
        more = math.ceil(MARGIN * lacking * taken / max(accepted.get(category, 0), 1)) if lacking > 0 else 0
        found[category] = min(there[category], taken + more)
    return found


def _after_figures(recipe: Recipe, before: str) -> int:
    """The place behind the last stage above `before` that writes figures."""
    place = 0
    for number, (name, settings) in enumerate(recipe.stages.items()):
        if name == before:
            break
        if signature(str(settings.get(STAGE, name))).output is Figure:
            place = number + 1
    return place


def _upto(recipe: Recipe, place: int) -> Recipe:
    return recipe.model_copy(update={"stages": dict(list(recipe.stages.items())[:place])})


def _taking(recipe: Recipe, place: int, share: Mapping[str, int]) -> Recipe:
    stages: list[tuple[str, dict[str, Any]]] = list(recipe.stages.items())
    stages.insert(place, (TAKE, {"of": dict(sorted(share.items()))}))
    return recipe.model_copy(update={"stages": dict(stages)})


def _done(recipe: Recipe, store: Store, perform: Perform | None) -> bool:
    """Whether all steps are there, run if they may be."""
    if all(store.manifest(step.id) for step in plan(recipe, cache=store.corpora)):
        return True
    if perform is None:
        return False
    perform(recipe)
    return True


def _figures(recipe: Recipe, store: Store) -> Counter[str]:
    """Figures of each category that there are to take from."""
    last = next(step for step in reversed(plan(recipe, cache=store.corpora)) if step.output is Figure)
    table = Table(Figure, store.step(last.id) / last.table)
    return Counter(category or "" for (category,) in table.columns("category"))


def _accepted(recipe: Recipe, store: Store) -> Counter[str]:
    """Items of each category that reached `enough`."""
    steps = plan(recipe, cache=store.corpora)
    items, figures = (steps[-1].inputs[name] for name in ("items", "figures"))
    assert items is not None
    assert figures is not None
    rows = Table(Figure, store.step(figures.id) / figures.table).columns("figure_id", "category")
    category = {figure_id: kind or "" for figure_id, kind in rows}
    found = Table(Item, store.step(items.id) / items.table).columns("figure_id")
    return Counter(category[figure_id] for (figure_id,) in found)

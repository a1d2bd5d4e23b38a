"""How well shortcuts guess the keys of a data set, here in the recipe and wherever it was probed before."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from medvlsynther.context import Context
from medvlsynther.errors import UserError
from medvlsynther.records import Figure, Item, Label
from medvlsynther.rules.probes import MOST_ITEMS, PROBES, Order, Probe, Row, Sample, key_place, probe
from medvlsynther.store.joins import columns_along
from medvlsynther.store.table import Table, along

VERSION = 2
RECORD_WISE = False
WITHOUT_EXTRA = tuple(name for name in PROBES if name not in ("P8", "P9", "P14", "P15"))
"""Probes that need neither scikit-learn nor answers of models."""


class GateFailed(UserError):
    """A shortcut guesses better than the recipe allows."""


def run(
    ctx: Context,  # noqa: ARG001 - every stage takes it
    items: Table[Item],
    figures: Table[Figure],
    labels: Table[Label] | None,
    earlier: Table[Probe] | None,
    *,
    at: str = "final",
    probes: tuple[str, ...] = WITHOUT_EXTRA,
    margin: float = 0.05,
    gate: bool = False,
    seed: int = 42,
) -> Iterator[Probe]:
    """The probes taken before, then those of the items here, marked with `at`.

    Of more than 20,000 items a sample of whole articles is probed, P2 with the order of all rows; `items` tells so.
    A probe fails where the lower end of its interval lies above chance plus `margin`; `gate: true` then stops the run.
    Raises: GateFailed; MissingExtra for P8 and P9 without scikit-learn.
    """
    yield from earlier or ()
    order = Order()
    rows = _labelled(list(_rows(items, figures, order, seed)), labels)
    found = probe(rows, seed=seed, margin=margin, probes=probes, order=order)
    failed = [f"{each.probe} {each.name} {each.value:.3f}" for each in found if each.failed]
    if gate and failed:
        mend = "Raise probe.margin, set probe.gate to false, or repair the items"
        raise GateFailed(f"Shortcuts guess too well: {'; '.join(failed)}", where=f"probe at {at}", mend=mend)
    for each in found:
        yield each.model_copy(update={"at": at})


def _rows(items: Table[Item], figures: Table[Figure], order: Order, seed: int) -> Iterator[Row]:
    """The rows that are probed, while `order` counts the keys of all: every sound row where they are not too many."""
    sample = Sample(lambda: _names(items, figures), seed) if len(items) > MOST_ITEMS else None
    numbers = count()
    for item, figure in along(items, figures, "figure_id"):
        key, article_id = key_place(item), figure.article.article_id
        if key is None:
            continue
        order.add(key)
        number = next(numbers)
        if sample is None or sample.takes(article_id, item.item_id):
            yield Row(item, article_id, figure.caption, number=number)


def _names(items: Table[Item], figures: Table[Figure]) -> Iterator[tuple[str, str]]:
    """Article and id of every item."""
    about = columns_along(items.columns("figure_id", "item_id"), figures.columns("figure_id", "article"))
    for (_, item_id), (_, article) in about:
        yield article["article_id"], item_id


def _labelled(rows: list[Row], labels: Table[Label] | None) -> Iterator[Row]:
    """The rows with their labels; of the labels those of these rows alone are held."""
    wanted = {row.item.item_id for row in rows}
    about = {label.item_id: label for label in labels or () if label.item_id in wanted}
    return (replace(row, label=about.get(row.item.item_id)) for row in rows)

"""How well shortcuts guess the keys of a data set, here in the recipe and wherever it was probed before."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import UserError
from medvlsynther.records import Figure, Item, Label
from medvlsynther.rules.probes import PROBES, Probe, Row, probe
from medvlsynther.store.table import Table, along

VERSION = 1
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

    A probe fails where the lower end of its interval lies above chance plus `margin`; `gate: true` then stops the run.
    Raises: GateFailed; MissingExtra for P8 and P9 without scikit-learn.
    """
    yield from earlier or ()
    about = {label.item_id: label for label in labels or ()}
    rows = [
        Row(item, figure.article.article_id, figure.caption, about.get(item.item_id))
        for item, figure in along(items, figures, "figure_id")
    ]
    found = probe(rows, seed=seed, margin=margin, probes=probes)
    failed = [f"{each.probe} {each.name} {each.value:.3f}" for each in found if each.failed]
    if gate and failed:
        mend = "Raise probe.margin, set probe.gate to false, or repair the items"
        raise GateFailed(f"Shortcuts guess too well: {'; '.join(failed)}", where=f"probe at {at}", mend=mend)
    for each in found:
        yield each.model_copy(update={"at": at})

"""Scores as rows: one number with its interval, so that a table, a plot and a file are views of the same thing."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from medvlsynther.fingerprint import draw
from medvlsynther.records import Record
from medvlsynther.rules.scoring.outcomes import Outcome, Sets, clusters, values
from medvlsynther.rules.stats import resampled_means

MACRO, ITEMS = "macro", "items"
"""The two averages over data sets: each set counts the same, or each question."""

TAILS = (0.025, 0.975)


class Score(Record):
    """One number of a report."""

    model: str
    """Name of the model card; for a published row, the name in its paper."""
    dataset: str
    """Name of the data set; "macro" and "items" for the averages over data sets and over questions."""
    measure: str
    """What was measured: "accuracy", "pass@4", "changed", …"""
    group: str = ""
    """Part of the data set, "modality=ct", or what the measure is about; "" for the whole."""
    other: str = ""
    """The model that it is compared with."""
    value: float | None
    """The number; shares are 0..1; None where there is nothing to measure."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end."""
    p: float | None = None
    """P value of the test, where there is one."""
    p_adjusted: float | None = None
    """The same after Holm's correction over the data sets."""
    n: int
    """Questions, or replies where replies are counted."""


def replicates(outcomes: Sequence[Outcome], data: NDArray[np.float64], seed: int, name: str) -> NDArray[np.float64]:
    """Means of `data` over bootstrap samples of image clusters; each data set draws for itself."""
    return resampled_means(data, clusters(outcomes), draw(seed, "scores", name))


def averages(
    sets: Sets, data: dict[str, NDArray[np.float64]], seed: int
) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Macro and item-weighted mean, each with its bootstrap samples: clusters are drawn within each data set."""
    names = [name for name in sets if sets[name]]
    means = np.array([data[name].mean() for name in names])
    drawn = np.stack([replicates(sets[name], data[name], seed, name) for name in names])
    sizes = np.array([len(sets[name]) for name in names], np.float64)
    return {
        MACRO: (float(means.mean()), drawn.mean(axis=0)),
        ITEMS: (float(means @ sizes / sizes.sum()), sizes @ drawn / sizes.sum()),
    }


def between(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 percent of bootstrap samples."""
    low, high = np.quantile(samples, TAILS)
    return float(low), float(high)


def per_set(sets: Sets) -> dict[str, NDArray[np.float64]]:
    """Share of right replies of each question, by data set."""
    return {name: values(outcomes) for name, outcomes in sets.items()}


def scopes(sets: Sets) -> Iterator[tuple[str, list[Outcome]]]:
    """Each data set, and all questions together where there are several."""
    yield from sets.items()
    if len(sets) > 1:
        yield ITEMS, [outcome for outcomes in sets.values() for outcome in outcomes]

"""Intervals, agreement and tests for shares of right answers; shared by probes, reviews and evaluation.

Closed forms come from scipy where it has them. What is random is a bootstrap: its seed is a setting, and its draws
depend on the seed and the data alone.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvlsynther.fingerprint import draw

REPLICATES = 2000
"""Bootstrap samples: enough for the second digit of a percentage point at the 2.5 % tails."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


class Difference(NamedTuple):
    """A paired difference with its interval."""

    value: float
    """Mean of first minus mean of second."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


def wilson(successes: float, total: float, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share; the whole of 0..1 where nothing was counted.

    Counts may be fractions, as shared credit for ties is.
    Source: Wilson 1927, without continuity correction.
    """
    if total <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = successes / total, z * z / total
    center = (share + spread / 2) / (1 + spread)
    half = sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    return Interval(max(0.0, center - half), min(1.0, center + half))


def _clustered(
    values: NDArray[np.float64], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct (sum, size) pairs of clusters and how many clusters have each.

    Clusters with equal sum and size are alike to a bootstrap of the mean: so its cost does not grow with their number.
    """
    numbers: dict[Hashable, int] = {}
    codes = np.fromiter((numbers.setdefault(name, len(numbers)) for name in clusters), np.int64, len(values))
    sums, sizes = np.bincount(codes, weights=values), np.bincount(codes)
    pairs, counts = np.unique(np.stack([np.round(sums, 12), sizes], axis=1), axis=0, return_counts=True)
    return pairs, counts


def resampled_means(values: NDArray[np.float64], clusters: Sequence[Hashable], seed: int) -> NDArray[np.float64]:
    """The mean of `values` in each bootstrap sample of whole clusters, shape (REPLICATES,)."""
    pairs, counts = _clustered(values, clusters)
    total = int(counts.sum())
    chance = np.random.Generator(np.random.PCG64(draw(seed, "bootstrap")))
    taken = chance.multinomial(total, counts / total, size=REPLICATES) @ pairs
    return np.asarray(taken[:, 0] / taken[:, 1])


def cluster_bootstrap(
    values: ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Percentile interval of a mean when whole clusters (articles, images) are drawn again with replacement.

    `values` is one number an item, `clusters` the cluster of each. Raises: ValueError for no values or unequal lengths.
    Source: Efron and Tibshirani 1993; Cameron, Gelbach and Miller 2008 for clusters.
    """
    data = np.asarray(values, np.float64)
    if not data.size or data.size != len(clusters):
        raise ValueError(f"{data.size} values and {len(clusters)} clusters")
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled_means(data, clusters, seed), [tail, 1 - tail])
    return Interval(float(low), float(high))


def paired_bootstrap(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0, confidence: float = 0.95
) -> Difference:
    """Mean of `first` minus mean of `second` on the same items, with a percentile interval over clusters.

    Raises: ValueError for no values or unequal lengths.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"{one.size} values beside {other.size}")
    low, high = cluster_bootstrap(one - other, clusters, seed=seed, confidence=confidence)
    return Difference(float((one - other).mean()), low, high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test from the two counts of items that only one system has right.

    Source: McNemar 1947, by the binomial distribution.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P values adjusted for that many tests, in the order given.

    Source: Holm 1979, step down.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: (p_values[place], place))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return tuple(adjusted)


def minimum_detectable_difference(
    items: int, discordant: float, *, significance: float = 0.05, power: float = 0.8
) -> float:
    """The least difference of two shares, 0..1, that a paired comparison of so many items will find that often.

    `discordant` is the share of items, 0..1, on which exactly one of the two is right. Never more than `discordant`,
    which is the largest difference there can be; that too where there are no items.
    Source: the normal approximation for McNemar's test (Connor 1987), solved for the difference.
    """
    if items <= 0:
        return discordant
    normal = NormalDist()
    alpha, beta = normal.inv_cdf(1 - significance / 2), normal.inv_cdf(power)
    low, high = 0.0, discordant
    for _ in range(60):
        middle = (low + high) / 2
        needed = alpha * sqrt(discordant) + beta * sqrt(max(0.0, discordant - middle * middle))
        low, high = (low, middle) if middle * sqrt(items) >= needed else (middle, high)
    return high


# ------------------------------------------------------------------------------------------------- agreement


def _shares(labels: Sequence[Hashable]) -> dict[Hashable, float]:
    return {label: count / len(labels) for label, count in Counter(labels).items()}


def _paired(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Share of agreement.

    Raises: ValueError for unequal lengths.
    """
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Agreement of two raters beyond chance; None where chance alone explains all (no items, or one label only).

    Raises: ValueError for unequal lengths.
    Source: Cohen 1960, nominal.
    """
    if not first and not second:
        return None
    agreed = _paired(first, second)
    one, other = _shares(first), _shares(second)
    chance = sum(share * other.get(label, 0.0) for label, share in one.items())
    return (agreed - chance) / (1 - chance) if chance < 1 else None


def gwet_ac1(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Agreement of two raters beyond chance that does not collapse when nearly all labels are one; None for no items.

    With one label only, agreement is perfect and the value 1.
    Raises: ValueError for unequal lengths.
    Source: Gwet 2008, AC1 for nominal labels; chance over the labels that were used.
    """
    if not first and not second:
        return None
    agreed = _paired(first, second)
    shares = _shares([*first, *second])
    if len(shares) == 1:
        return 1.0
    chance = sum(share * (1 - share) for share in shares.values()) / (len(shares) - 1)
    return (agreed - chance) / (1 - chance)


def krippendorff_alpha(units: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Agreement of any number of raters, nominal; `units` has one sequence of ratings an item, None where missing.

    None where no item has two ratings, or all ratings are one label.
    Source: Krippendorff 2011, by the coincidences within units.
    """
    totals: Counter[Hashable] = Counter()
    agreed = 0.0
    for unit in units:
        rated = Counter(label for label in unit if label is not None)
        size = rated.total()
        if size > 1:
            totals.update(rated)
            agreed += sum(count * (count - 1) for count in rated.values()) / (size - 1)
    pairable = totals.total()
    expected = sum(count * (count - 1) for count in totals.values())
    if pairable < 2 or expected == pairable * (pairable - 1):
        return None
    return 1 - (pairable - 1) * (pairable - agreed) / (pairable * (pairable - 1) - expected)


def agreement(first: Sequence[Hashable], second: Sequence[Hashable]) -> dict[str, float | int | None]:
    """How far two raters agree: number of items, raw share, Cohen's kappa and Gwet's AC1."""
    return {
        "items": len(first),
        "raw": _paired(first, second) if first else None,
        "kappa": cohen_kappa(first, second),
        "ac1": gwet_ac1(first, second),
    }

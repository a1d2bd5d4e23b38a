"""Two models on the same questions: what a difference is worth."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from medvlsynther.rules.scoring.outcomes import Outcome, Sets, values
from medvlsynther.rules.scoring.scores import Score, averages, between, replicates
from medvlsynther.rules.stats import holm, mcnemar, minimum_detectable_difference


def comparisons(models: dict[str, Sets], seed: int) -> Iterator[Score]:
    """Every pair of models: difference in accuracy per data set and on average, with interval and test.

    The interval is a paired bootstrap over image clusters; the test is McNemar's exact one on the first replies, with
    Holm's correction over the data sets; "detectable" is the least difference that such a comparison finds in four
    cases of five.
    """
    for one, other in combinations(models, 2):
        yield from _compared(one, models[one], other, models[other], seed)


def _compared(one: str, first: Sets, other: str, second: Sets, seed: int) -> Iterator[Score]:
    p_values = [_p(first[name], second[name]) for name in first]
    adjusted = holm(p_values)
    data = {name: values(first[name]) - values(second[name]) for name in first}
    for (name, outcomes), p, p_adjusted in zip(first.items(), p_values, adjusted, strict=True):
        low, high = between(replicates(outcomes, data[name], seed, f"{name} paired"))
        yield Score(
            model=one,
            other=other,
            dataset=name,
            measure="difference",
            value=float(data[name].mean()),
            low=low,
            high=high,
            p=p,
            p_adjusted=p_adjusted,
            n=len(outcomes),
        )
        discordant = float(np.mean([a != b for a, b in _firsts(outcomes, second[name])]))
        least = minimum_detectable_difference(len(outcomes), discordant)
        yield Score(model=one, other=other, dataset=name, measure="detectable", value=least, n=len(outcomes))
    total = sum(map(len, first.values()))
    for name, (mean, drawn) in averages(first, data, seed).items():
        low, high = between(drawn)
        yield Score(model=one, other=other, dataset=name, measure="difference", value=mean, low=low, high=high, n=total)


def _firsts(first: Sequence[Outcome], second: Sequence[Outcome]) -> list[tuple[bool, bool]]:
    return [(a.replies[0].correct, b.replies[0].correct) for a, b in zip(first, second, strict=True)]


def _p(first: Sequence[Outcome], second: Sequence[Outcome]) -> float:
    pairs = _firsts(first, second)
    return mcnemar(sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))

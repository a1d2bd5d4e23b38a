"""How often a model is right, how surely, and in which parts of a data set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import comb
from statistics import fmean, pvariance

from medvlsynther.rules.scoring.outcomes import Outcome, Sets, clusters, values
from medvlsynther.rules.scoring.scores import Score, averages, between, per_set, replicates, scopes
from medvlsynther.rules.stats import wilson

REASONS = ("none", "several", "refused", "out_of_range", "truncated", "not_asked")
"""Why a reply has no letter."""

FEW = 30
"""Images below which resampling them says too little: then the interval is Wilson's, each image counted once."""


def accuracies(model: str, sets: Sets, seed: int) -> Iterator[Score]:
    """Accuracy of each data set and of both averages, with cluster-bootstrap and Wilson intervals, beside chance."""
    data = per_set(sets)
    for name, outcomes in sets.items():
        yield _accuracy(model, name, "", outcomes, seed)
        right, count = float(data[name].sum()), len(outcomes)
        low, high = wilson(right, count)
        yield Score(
            model=model, dataset=name, measure="accuracy_wilson", value=right / count, low=low, high=high, n=count
        )
        yield Score(model=model, dataset=name, measure="chance", value=_chance(outcomes), n=count)
    total = sum(map(len, sets.values()))
    for name, (mean, drawn) in averages(sets, data, seed).items():
        low, high = between(drawn)
        yield Score(model=model, dataset=name, measure="accuracy", value=mean, low=low, high=high, n=total)


def _accuracy(model: str, dataset: str, group: str, outcomes: Sequence[Outcome], seed: int) -> Score:
    data = values(outcomes)
    apart = len(set(clusters(outcomes)))
    if apart < FEW:
        low, high = wilson(apart * float(data.mean()), apart)
    else:
        low, high = between(replicates(outcomes, data, seed, f"{dataset} {group}".strip()))
    return Score(
        model=model,
        dataset=dataset,
        measure="accuracy",
        group=group,
        value=float(data.mean()),
        low=low,
        high=high,
        n=len(outcomes),
    )


def _chance(outcomes: Sequence[Outcome]) -> float:
    """What a guesser is right in: one over the number of options, nothing for a question that has none."""
    return fmean(1 / len(o.question.options) if o.question.options else 0.0 for o in outcomes)


def counts(model: str, sets: Sets) -> Iterator[Score]:
    """Replies without a letter by reason, replies cut off, and what a published grader took or gave against ours."""
    for name, outcomes in sets.items():
        replies = [reply for outcome in outcomes for reply in outcome.replies]
        found = Counter(reply.reason for reply in replies if reply.reason)
        found["cut"] = sum(reply.cut for reply in replies)
        for reason in (*REASONS, "cut"):
            yield _count(model, name, reason, found[reason], len(replies))
        compared = [reply for reply in replies if reply.ours is not None]
        if compared:
            lost = sum(bool(reply.ours) and not reply.correct for reply in compared)
            won = sum(reply.correct and not reply.ours for reply in compared)
            yield _count(model, name, "grader_lost", lost, len(replies))
            yield _count(model, name, "grader_won", won, len(replies))


def _count(model: str, dataset: str, group: str, count: int, replies: int) -> Score:
    return Score(model=model, dataset=dataset, measure="replies", group=group, value=float(count), n=replies)


def repeated(model: str, sets: Sets) -> Iterator[Score]:
    """For several replies a question: pass@k, majority over letters, and the variance within questions."""
    for name, outcomes in sets.items():
        most = min(len(outcome.replies) for outcome in outcomes)
        if most < 2:
            continue
        count = len(outcomes)
        for k in _powers(most):
            value = fmean(pass_at(k, len(o.replies), sum(r.correct for r in o.replies)) for o in outcomes)
            yield Score(model=model, dataset=name, measure=f"pass@{k}", value=value, n=count)
        right = sum(majority_right(outcome) for outcome in outcomes)
        low, high = wilson(right, count)
        yield Score(model=model, dataset=name, measure="majority", value=right / count, low=low, high=high, n=count)
        spread = fmean(pvariance([float(reply.correct) for reply in outcome.replies]) for outcome in outcomes)
        yield Score(model=model, dataset=name, measure="variance_within", value=spread, n=count)


def _powers(most: int) -> list[int]:
    """1, 2, 4, … and `most`."""
    return sorted({most, *(2**power for power in range(most.bit_length()))})


def pass_at(k: int, replies: int, right: int) -> float:
    """Chance that at least one of `k` replies, drawn from the `replies` there are, is right.

    Source: the unbiased estimator of Chen et al. 2021, arXiv 2107.03374.
    """
    return 1.0 - comb(replies - right, k) / comb(replies, k)


def majority_right(outcome: Outcome) -> bool:
    """The commonest letter is the key; replies without a letter have no vote, and of equals the first one said wins."""
    votes = Counter(reply.letter for reply in outcome.replies if reply.letter is not None)
    return bool(votes) and votes.most_common(1)[0][0] == outcome.question.answer


def breakdowns(model: str, sets: Sets, seed: int) -> Iterator[Score]:
    """Accuracy by group, in each data set and over all questions; a kind with one group only tells nothing."""
    for name, outcomes in scopes(sets):
        parts: dict[str, dict[str, list[Outcome]]] = {}
        for outcome in outcomes:
            for kind, group in outcome.groups.items():
                parts.setdefault(kind, {}).setdefault(group, []).append(outcome)
        for kind, groups in parts.items():
            if len(groups) > 1:
                for group in sorted(groups):
                    yield _accuracy(model, name, f"{kind}={group}", groups[group], seed)

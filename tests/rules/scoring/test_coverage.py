"""Simulations with known truth: intervals cover what they promise, paired tests cry wolf as often as they say."""

import numpy as np
import pytest
from numpy.typing import NDArray

from medvlsynther.rules.stats import cluster_bootstrap, mcnemar, paired_bootstrap, wilson

TRIALS = 2000


def truth(chance: np.random.Generator, sizes: NDArray[np.int64], accuracy: float, spread: float) -> NDArray[np.float64]:
    """Right answers of questions in clusters of those sizes; questions of one image are alike by `spread`."""
    likely = chance.beta(accuracy * spread, (1 - accuracy) * spread, len(sizes)).repeat(sizes)
    return (chance.random(len(likely)) < likely).astype(np.float64)


def told(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n  {line}", end="")


@pytest.mark.slow
@pytest.mark.parametrize(("questions", "accuracy"), [(170, 0.5), (416, 0.72), (2000, 0.22)])
def test_intervals_of_independent_questions_cover(
    questions: int, accuracy: float, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(questions)
    score, resampled = 0, 0
    places = range(questions)
    for trial in range(TRIALS):
        right = (chance.random(questions) < accuracy).astype(np.float64)
        low, high = wilson(float(right.sum()), questions)
        score += low <= accuracy <= high
        low, high = cluster_bootstrap(right, places, seed=trial)
        resampled += low <= accuracy <= high
    told(
        capsys,
        f"n={questions} accuracy={accuracy}: Wilson {score / TRIALS:.1%}, bootstrap {resampled / TRIALS:.1%} of "
        f"{TRIALS} intervals hold the truth",
    )
    assert 0.93 <= score / TRIALS <= 0.97
    assert 0.93 <= resampled / TRIALS <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("images", "most", "accuracy"), [(180, 5, 0.7), (400, 8, 0.6)])
def test_intervals_of_questions_that_share_images_cover(
    images: int, most: int, accuracy: float, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(images)
    naive, resampled = 0, 0
    for trial in range(TRIALS):
        sizes = chance.integers(1, most + 1, images)
        right = truth(chance, sizes, accuracy, spread=1.5)
        clusters = np.arange(images).repeat(sizes).tolist()
        low, high = cluster_bootstrap(right, clusters, seed=trial)
        resampled += low <= accuracy <= high
        low, high = wilson(float(right.sum()), len(right))
        naive += low <= accuracy <= high
    told(
        capsys,
        f"{images} images with 1 to {most} questions: cluster bootstrap {resampled / TRIALS:.1%}, Wilson as if "
        f"independent {naive / TRIALS:.1%}",
    )
    assert 0.93 <= resampled / TRIALS <= 0.97
    assert naive / TRIALS < 0.93


@pytest.mark.slow
def test_the_paired_interval_cries_wolf_one_time_in_twenty(capsys: pytest.CaptureFixture[str]) -> None:
    """Two models of equal accuracy on the same 400 images with up to three questions each."""
    chance = np.random.default_rng(12)
    wrongly = 0
    for trial in range(2 * TRIALS):
        sizes = chance.integers(1, 4, 400)
        likely = chance.beta(2.1, 0.9, len(sizes)).repeat(sizes)
        first, second = ((chance.random(len(likely)) < likely).astype(np.float64) for _ in range(2))
        clusters = np.arange(400).repeat(sizes).tolist()
        found = paired_bootstrap(first, second, clusters, seed=trial)
        wrongly += not found.low <= 0 <= found.high
    told(capsys, f"paired bootstrap of equal models: {wrongly / TRIALS / 2:.1%} of {2 * TRIALS} intervals leave 0 out")
    assert 0.04 <= wrongly / TRIALS / 2 <= 0.06


@pytest.mark.slow
def test_the_exact_paired_test_cries_wolf_at_most_as_often_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Exact tests keep below their level; on 3,362 questions with a fifth of them discordant they come close to it."""
    chance = np.random.default_rng(6)
    discordant = chance.binomial(3362, 0.2, 20 * TRIALS)
    only_first = chance.binomial(discordant, 0.5)
    pairs, counts = np.unique(np.stack([only_first, discordant - only_first]), axis=1, return_counts=True)
    p_values = np.array([mcnemar(int(one), int(other)) for one, other in pairs.T])
    rate = float(counts[p_values <= 0.05].sum() / counts.sum())
    told(capsys, f"exact McNemar test of equal models: p ≤ 0.05 in {rate:.1%} of {20 * TRIALS}")
    assert 0.04 <= rate <= 0.06

"""Statistics against published values, reference libraries and their own laws."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.stats import (
    cluster_bootstrap,
    cohen_kappa,
    gwet_ac1,
    holm,
    krippendorff_alpha,
    mcnemar,
    minimum_detectable_difference,
    paired_bootstrap,
    wilson,
)

FIRST, SECOND = "AABBCCAAABCA", "AABBCCABABCC"
RATINGS = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC")), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("successes", "total", "confidence", "low", "high"),
    [(7, 20, 0.95, 0.181192, 0.567146), (0, 10, 0.95, 0.0, 0.277533), (13019, 13087, 0.9, 0.993663, 0.995740)],
)
def test_wilson_equals_statsmodels(successes: int, total: int, confidence: float, low: float, high: float) -> None:
    assert wilson(successes, total, confidence=confidence) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_holds_the_share_and_stays_within_0_and_1(one: int, other: int) -> None:
    low, high = wilson(one, one + other)
    share = one / (one + other) if one + other else 0.5
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_holm_and_mcnemar_equal_statsmodels() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx((0.04, 0.09, 0.09, 0.025, 0.5))
    assert mcnemar(3, 12) == pytest.approx(0.03515625)
    assert mcnemar(5, 5) == mcnemar(0, 0) == 1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_twice_the_binomial_tail(one: int, other: int) -> None:
    few, total = min(one, other), one + other
    tail = 2 * sum(comb(total, k) for k in range(few + 1)) / 2**total
    assert mcnemar(one, other) == mcnemar(other, one) == pytest.approx(min(1.0, tail))


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_keeps_the_order_and_never_lowers_a_p_value(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(value <= new <= 1 for value, new in zip(values, adjusted, strict=True))
    assert [new for _, new in sorted(zip(values, adjusted, strict=True))] == sorted(adjusted)


def test_agreement_equals_the_reference_libraries() -> None:
    assert cohen_kappa(FIRST, SECOND) == pytest.approx(0.75)
    assert gwet_ac1(FIRST, SECOND) == pytest.approx(0.75194, abs=1e-5)
    rare_first = "y" * 95 + "n" * 5
    rare_second = "y" * 93 + "n" * 2 + "y" * 3 + "n" * 2
    assert cohen_kappa(rare_first, rare_second) == pytest.approx(0.41860465)
    assert gwet_ac1(rare_first, rare_second) == pytest.approx(0.9452983972)


def test_alpha_equals_krippendorffs_own_example() -> None:
    data: list[list[int | None]] = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    assert krippendorff_alpha(list(zip(*data, strict=True))) == pytest.approx(0.743421052631579)


@given(RATINGS)
def test_agreement_is_symmetric_and_at_most_one(pairs: list[tuple[str, str]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    for measure in (cohen_kappa, gwet_ac1):
        value = measure(first, second)
        assert value == pytest.approx(measure(second, first))
        assert value is None or value <= 1
        assert measure(first, first) in (None, 1.0)


def test_agreement_without_variation_is_not_a_number_of_luck() -> None:
    assert cohen_kappa("AAA", "AAA") is None
    assert gwet_ac1("AAA", "AAA") == 1.0
    assert krippendorff_alpha([("A", "A"), ("A", None)]) is None
    assert cohen_kappa([], []) is gwet_ac1([], []) is krippendorff_alpha([]) is None
    with pytest.raises(ValueError, match="zip"):
        cohen_kappa("AB", "A")


def test_the_bootstrap_depends_on_seed_and_data_alone_and_not_on_the_order() -> None:
    values, names = [n % 7 / 7 for n in range(300)], [n // 3 for n in range(300)]
    one = cluster_bootstrap(values, names, seed=7)
    assert one == cluster_bootstrap(values[::-1], names[::-1], seed=7)
    assert one != cluster_bootstrap(values, names, seed=8)


def test_clusters_that_agree_within_widen_the_interval() -> None:
    values = [float(n % 2) for n in range(200) for _ in range(5)]
    alone = cluster_bootstrap(values, range(1000))
    together = cluster_bootstrap(values, [n // 5 for n in range(1000)])
    assert together.high - together.low > 1.8 * (alone.high - alone.low)
    assert alone == pytest.approx(wilson(500, 1000), abs=0.005)


@pytest.mark.slow
def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    inside = 0
    for seed in range(300):
        low, high = cluster_bootstrap(chance.random(200) < 0.3, range(200), seed=seed)
        inside += low <= 0.3 <= high
    assert 0.90 <= inside / 300 <= 0.98


def test_a_paired_difference_uses_the_pairs() -> None:
    first, second = [1.0] * 60 + [0.0] * 40, [1.0] * 50 + [0.0] * 50
    found = paired_bootstrap(first, second, range(100))
    assert found.value == pytest.approx(0.1)
    assert 0.03 < found.low < 0.1 < found.high < 0.18
    with pytest.raises(ValueError, match="beside"):
        paired_bootstrap([1.0], [1.0, 0.0], ["a"])
    with pytest.raises(ValueError, match="0 values"):
        cluster_bootstrap([], [])


def test_a_detectable_difference_is_found_with_the_stated_power() -> None:
    difference = minimum_detectable_difference(500, 0.2)
    chance = np.random.default_rng(3)
    wins = [0.1 + difference / 2, 0.1 - difference / 2, 0.8]
    counts = chance.multinomial(500, wins, size=400)
    power = np.mean([mcnemar(int(one), int(other)) < 0.05 for one, other, _ in counts])
    assert 0.72 <= power <= 0.86


@given(st.integers(0, 100_000), st.floats(0.001, 1))
def test_more_items_detect_less(items: int, discordant: float) -> None:
    more = minimum_detectable_difference(4 * items + 4, discordant)
    assert 0 < more <= minimum_detectable_difference(items, discordant) <= discordant

"""A sample of a large set: bounded, whole articles, the same in any order; and the order of all rows still told."""

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.rules.probes import Order, Sample, probe
from tests.rules.probes.made import made

NAMES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40).map(
    lambda articles: [(article, f"i{n}") for n, article in enumerate(articles)]
)


@settings(deadline=None)
@given(NAMES, st.integers(0, 45), st.integers(0, 3))
def test_a_sample_is_of_whole_articles_and_of_the_wanted_size(
    names: list[tuple[str, str]], most: int, seed: int
) -> None:
    sample = Sample(lambda: iter(names), seed, most)
    taken = {pair for pair in names if sample.takes(*pair)}
    assert len(taken) == min(most, len(names))
    again = Sample(lambda: reversed(names), seed, most)
    assert taken == {pair for pair in names if again.takes(*pair)}
    all_of, some_of = Counter(article for article, _ in names), Counter(article for article, _ in taken)
    assert sum(some_of[article] < all_of[article] for article in some_of) <= 1


def test_the_order_of_rows_is_learned_from_all_of_them_and_told_of_the_sample() -> None:
    rows = [
        replace(row, number=number, item=row.item.model_copy(update={"answer": "ABCDE"[number % 5]}))
        for number, row in enumerate(made(900))
    ]
    order = Order.of([number % 5 for number in range(900)])
    drawn = random.Random(3).sample(rows, 100)
    (found,) = probe(drawn, probes=("P2",), order=order)
    assert found.value > 0.99
    assert found.items == 100
    assert {measure.name: measure.value for measure in found.measures}["period"] == 5


def test_a_set_that_is_probed_whole_needs_no_order() -> None:
    rows = made(120)
    order = Order.of("ABCDE".index(row.item.answer) for row in rows)
    assert probe(rows, probes=("P2",)) == probe(rows, probes=("P2",), order=order)

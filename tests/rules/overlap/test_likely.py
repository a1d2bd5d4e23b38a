"""Near texts by sketches: no pair that is none, nearly all that are, and an honest count of what is lost."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.rules.overlap.join import near_pairs
from medvlsynther.rules.overlap.likely import Likely, sketches

WORDS = [f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in ("lin", "tor", "mus", "ven")]


def texts(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(6, 18))) for _ in range(count)]


def edited(seed: int, given_texts: list[str], share: float) -> list[str]:
    chance = random.Random(seed)
    found = []
    for text in given_texts:
        letters = list(text)
        for place in chance.sample(range(len(letters)), int(len(letters) * share)):
            letters[place] = chance.choice("aeioulnt")
        found.append("".join(letters))
    return found


def test_few_near_pairs_are_lost_and_the_loss_is_told() -> None:
    left = texts(1, 400)
    right = [*edited(2, left, 0.05), *texts(3, 200)]
    likely = Likely()
    found = list(likely(left, right, 0.9))
    exact = list(near_pairs(left, right, 0.9))
    assert set(found) <= set(exact)
    assert len(found) == len(set(found))
    assert len(found) >= 0.97 * len(exact) > 300
    assert likely.recall is not None
    assert abs(likely.recall - len(found) / len(exact)) < 0.1
    assert "recall" in likely.told


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=12), st.lists(st.text(max_size=12), max_size=12))
def test_equal_texts_are_always_found_and_empty_ones_never(left: list[str], right: list[str]) -> None:
    found = {(near.left, near.right) for near in Likely()(left, right, 0.9)}
    equal = {(a, b) for a, one in enumerate(left) for b, other in enumerate(right) if one == other and one}
    assert equal <= found
    assert found <= {(near.left, near.right) for near in near_pairs(left, right, 0.9)}


def test_a_sketch_is_that_of_the_text_alone() -> None:
    one, other = texts(5, 2)
    assert (sketches([one, other])[1] == sketches([other])[0]).all()
    assert sketches([]).shape == (0, 128)

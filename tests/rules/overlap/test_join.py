"""The exact join gives what comparing every pair gives, in any order."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from medvlsynther.rules.overlap.join import bags, near_pairs

TEXTS = st.lists(st.text("abcd 肺é", max_size=30), max_size=12)
THRESHOLD = st.sampled_from((0.5, 0.7, 0.8, 0.9, 1.0))


def by_force(left: Sequence[str], right: Sequence[str], threshold: float) -> set[tuple[int, int, float]]:
    return {
        (one, other, round(score, 9))
        for one, text in enumerate(left)
        for other, rest in enumerate(right)
        if text and rest and (score := Levenshtein.normalized_similarity(text, rest)) >= threshold
    }


@given(TEXTS, TEXTS, THRESHOLD)
def test_it_finds_what_comparing_every_pair_finds(left: list[str], right: list[str], threshold: float) -> None:
    found = [(one, other, round(score, 9)) for one, other, score in near_pairs(left, right, threshold)]
    assert len(found) == len(set(found))
    assert set(found) == by_force(left, right, threshold)


@given(TEXTS, st.integers(0, 29), st.text("abcd", max_size=2), THRESHOLD)
def test_edited_copies_are_found_like_any_pair(texts: list[str], place: int, piece: str, threshold: float) -> None:
    edited = [text[:place] + piece + text[place + 1 :] for text in texts]
    found = {(one, other, round(score, 9)) for one, other, score in near_pairs(texts, edited, threshold)}
    assert found == by_force(texts, edited, threshold)


def test_empty_texts_are_like_nothing() -> None:
    assert list(near_pairs(["", "a"], ["", "b"], 0.9)) == []


def test_long_texts_do_not_overflow() -> None:
    long = "a" * 90_000
    assert [pair.score for pair in near_pairs([long], [long], 0.9)] == [1.0]


@pytest.mark.parametrize("buckets", [8, 64])
def test_bags_count_every_character(buckets: int) -> None:
    assert bags(["abca", "", "肺"], buckets).sum(axis=1).tolist() == [4, 0, 1]

"""Shared runs of words, and sketches that are the same wherever they are made."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.overlap.shingles import detection, grams, likeness, shared_runs, sketch, sketched_pairs

TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=8)


def runs(text: str, size: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


@given(TEXTS, TEXTS, st.integers(2, 4))
def test_shared_runs_are_those_of_comparing_every_pair(left: list[str], right: list[str], size: int) -> None:
    found = {(one, other): score for one, other, score in shared_runs(left, right, size)}
    wanted = {
        (one, other): len(runs(text, size) & runs(rest, size)) / min(len(runs(text, size)), len(runs(rest, size)))
        for one, text in enumerate(left)
        for other, rest in enumerate(right)
        if runs(text, size) & runs(rest, size)
    }
    assert found == wanted


def test_a_sketch_does_not_depend_on_the_hash_seed() -> None:
    code = "from medvlsynther.rules.overlap.shingles import sketch; print(sketch('a b c d e f g').tobytes().hex())"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {sketch("a b c d e f g").tobytes().hex() + "\n"}


def test_likeness_estimates_the_share_of_common_shingles() -> None:
    one = " ".join(f"w{n}" for n in range(400))
    other = " ".join(f"w{n}" for n in range(200, 600))
    shared = len(np.intersect1d(grams(one, 5), grams(other, 5)))
    true = shared / (len(grams(one, 5)) + len(grams(other, 5)) - shared)
    assert abs(likeness(sketch(one), sketch(other)) - true) < 0.15


def test_texts_with_most_shingles_in_common_are_found_and_empty_ones_are_not() -> None:
    text = " ".join(f"w{n}" for n in range(60))
    edited = text.replace("w30", "other")
    texts = [text, "", "quite another text about something else"]
    found = list(sketched_pairs(list(map(sketch, texts)), list(map(sketch, (edited, ""))), 0.5))
    assert [(pair.left, pair.right) for pair in found] == [(0, 0)]


def test_bands_find_likely_pairs_and_pass_over_unlikely_ones() -> None:
    assert detection(0.7) > 0.99
    assert detection(0.1) < 0.01

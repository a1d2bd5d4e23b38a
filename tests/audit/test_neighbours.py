"""Nearest vectors are those of comparing all."""

import numpy as np

from medvlsynther.audit.encoders import copies
from medvlsynther.audit.neighbours import BLOCK, nearest

GENERATOR = np.random.default_rng(1)


def test_the_nearest_are_those_of_comparing_all() -> None:
    left = GENERATOR.normal(size=(50, 8)).astype(np.float32)
    right = GENERATOR.normal(size=(BLOCK + 7, 8)).astype(np.float32)
    found: dict[int, list[int]] = {}
    for near in nearest(left, right, 3, -1.0):
        found.setdefault(near.right, []).append(near.left)
    cosines = (right @ left.T) / np.outer(np.linalg.norm(right, axis=1), np.linalg.norm(left, axis=1))
    assert found == {row: np.argsort(-cosines[row], kind="stable")[:3].tolist() for row in range(len(right))}


def test_equals_come_in_the_order_of_the_set_whatever_the_limit() -> None:
    left = np.ones((40, 2), dtype=np.float32)
    found = list(nearest(left, left[:1], 3, 0.5))
    assert [near.left for near in found] == [0, 1, 2]


def test_nothing_is_near_in_an_empty_set() -> None:
    some, none = np.ones((2, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.float32)
    assert list(nearest(none, some, 3, -1.0)) == list(nearest(some, none, 3, -1.0)) == []


def test_a_copy_stands_out_from_what_everything_has_in_common() -> None:
    common = np.full(16, 3.0)
    left = (common + GENERATOR.normal(size=(30, 16))).astype(np.float32)
    right = np.stack([left[4], (common + GENERATOR.normal(size=16)).astype(np.float32)])
    scores = {(one, other): score for one, other, score in copies(left, right, 2, -1.0)}
    assert max(scores, key=scores.__getitem__) == (4, 0)
    assert scores[4, 0] > 2 * max(score for pair, score in scores.items() if pair != (4, 0))

"""A fingerprint depends on what decides a result, and refuses what it cannot write canonically."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.fingerprint import canonical, draw, fingerprint

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(value=st.dictionaries(st.text(max_size=3), values, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@given(value=values)
def test_a_fingerprint_is_stable_and_short(value: Any) -> None:
    assert fingerprint(value) == fingerprint(canonical(value))
    assert len(fingerprint(value)) == 16


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {1, 2}, object(), b"x".__class__])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        fingerprint({"a": value})


def test_the_hash_seed_does_not_reach_a_fingerprint() -> None:
    code = "from medvlsynther.fingerprint import *; print(fingerprint({'b': 1, 'a': ['x']}), draw(1, 'a', 'b'))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(runs) == 1


@given(seed=st.integers(), names=st.lists(st.text(max_size=5), min_size=1, max_size=3))
def test_drawing_is_a_function_of_seed_and_names(seed: int, names: list[str]) -> None:
    assert draw(seed, *names) == draw(seed, *names)
    assert 0 <= draw(seed, *names) < 2**64
    assert draw(seed, *names) != draw(seed + 1, *names)


def test_names_are_kept_apart_when_drawing() -> None:
    assert draw(1, "ab", "c") != draw(1, "a", "bc")

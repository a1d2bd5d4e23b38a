"""The reward: what it pays, what it never does, and that its published rule is the published one."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther import reward
from medvlsynther.reward import KEYS, compute_score, for_trl, trl_reward
from medvlsynther.rules.released import released_reward

OPTIONS = {"A": "Cyst", "B": "Fracture", "C": "Mass"}
EXTRA = {"options": json.dumps(OPTIONS), "answer_label": "B", "answer": "Fracture"}


def said(answer: str, thought: str = "The cortex is broken at one place") -> str:
    return f"<think>{thought}</think>\n<answer>{answer}</answer>"


def paid(reply: Any, **settings: Any) -> dict[str, float]:
    return compute_score("medsynvqa", reply, "Fracture", EXTRA, **settings)


@pytest.mark.parametrize(
    ("reply", "score", "formed", "right"),
    [
        (said("B"), 1, 1, 1),
        (said("B") + "\n", 1, 1, 1),
        (said("\nB. Fracture\n"), 1, 1, 1),
        (said("fracture"), 1, 1, 1),
        (said("(b)"), 1, 1, 1),
        (said("A"), 0, 1, 0),
        (said("A or B"), 0, 1, 0),
        (said(""), 0, 1, 0),
        (said("F"), 0, 1, 0),
        ("The answer is B.", 0, 0, 1),
        ("<think>It is B", 0, 0, 0),
        (said("A") + said("B"), 0, 0, 1),
        ("", 0, 0, 0),
    ],
)
def test_pays_the_right_answer_in_the_right_format(reply: str, score: float, formed: float, right: float) -> None:
    parts = paid(reply)
    assert (parts["score"], parts["format"]) == (score, formed)
    if formed:
        assert parts["accuracy"] == right


def test_an_answer_outside_the_format_may_earn_nothing_but_is_seen() -> None:
    assert paid("The answer is B.")["accuracy"] == 1.0
    assert paid("Answer: A or B")["parsed"] == 0.0


def test_the_format_may_earn_a_share() -> None:
    assert paid(said("A"), format_share=0.1)["score"] == pytest.approx(0.1)
    assert paid(said("B"), format_share=0.1)["score"] == pytest.approx(1.0)
    assert paid("B", format_share=0.1)["score"] == 0.0


def test_a_thought_without_words_may_earn_nothing() -> None:
    for thin in ("", "A", "B B B", "the the THE the"):
        assert paid(said("B", thin))["score"] == 1.0
        parts = paid(said("B", thin), least_thought_words=4)
        assert (parts["score"], parts["collapsed"]) == (0.0, 1.0)
    assert paid(said("B"), least_thought_words=4)["score"] == 1.0


def test_length_costs_between_two_marks() -> None:
    guard = {"soft_chars": 100, "hard_chars": 200, "length_penalty": 0.5}
    frame = len(said("B", ""))
    for chars, overlong in ((100, 0.0), (150, 0.5), (200, 1.0), (900, 1.0)):
        parts = paid(said("B", "x" * (chars - frame)), **guard)
        assert parts["overlong"] == pytest.approx(overlong)
        assert parts["score"] == pytest.approx(1.0 - 0.5 * overlong)


REPLIES = st.one_of(
    st.text(),
    st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "B", " Fracture", "\n", "A.", "x"])).map(
        "".join
    ),
)


@given(REPLIES)
def test_released_is_the_published_reward(reply: str) -> None:
    published = released_reward(reply, "B", "Fracture")
    parts = paid(reply, rule="released", format_share=0.5, least_thought_words=9, hard_chars=1)
    assert (parts["score"], parts["format"]) == (published.reward, published.format)


@pytest.mark.parametrize(("reply", "score"), [(said("B"), 1), (said("B") + "\n", 0), (said("\nB"), 0), (said("B."), 0)])
def test_released_keeps_the_published_defects(reply: str, score: float) -> None:
    assert paid(reply, rule="released")["score"] == score


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "options": ANYTHING
        | st.dictionaries(st.sampled_from("ABCJZ"), st.text() | st.none())
        | st.dictionaries(st.sampled_from("ABCJ"), st.text()).map(json.dumps)
        | st.just("[" * 100_000),
        "answer_label": ANYTHING | st.sampled_from(["A", "b ", "Z"]),
        "answer": ANYTHING,
    },
)
SETTINGS = st.dictionaries(
    st.sampled_from(
        ["rule", "format_share", "soft_chars", "hard_chars", "length_penalty", "least_thought_words", "unknown"]
    ),
    ANYTHING | st.sampled_from([*reward.RULES, 10**400, -(10**400), 1e308]),
)


@given(ANYTHING, ANYTHING | REPLIES, ANYTHING, ANYTHING | EXTRAS, SETTINGS)
def test_gives_the_same_keys_and_finite_numbers_for_whatever_comes(
    source: Any, reply: Any, truth: Any, extra: Any, settings: dict[str, Any]
) -> None:
    parts = compute_score(source, reply, truth, extra, **settings)
    assert tuple(parts) == KEYS
    assert "reward" not in parts
    assert all(type(value) is float and math.isfinite(value) for value in parts.values())


@given(st.lists(ANYTHING | REPLIES, max_size=4), st.dictionaries(st.sampled_from(reward._COLUMNS), ANYTHING))
def test_pays_every_completion_of_a_batch(completions: list[Any], columns: dict[str, Any]) -> None:
    assert len(trl_reward(completions, **columns)) == len(completions)


@pytest.mark.parametrize(
    ("truth", "extra", "right", "wrong"),
    [
        ("Fracture", None, said("Fracture"), said("Cyst")),
        ("B", {}, said("b"), said("C")),
        ("Fracture", {"options": OPTIONS}, said("B"), said("A")),
        ("B", {"options": OPTIONS}, said("Fracture"), said("C")),
        ("Fracture", {"answer_label": "B"}, said("B. Fracture"), said("C")),
    ],
)
def test_does_with_what_the_row_knows(truth: str, extra: Any, right: str, wrong: str) -> None:
    assert compute_score("other", right, truth, extra)["score"] == 1.0
    assert compute_score("other", wrong, truth, extra)["score"] == 0.0


def test_trl_gets_a_list_and_the_means_of_the_parts() -> None:
    means: dict[str, float] = {}
    columns = {name: [value] * 4 for name, value in EXTRA.items()}
    completions = [
        [{"role": "assistant", "content": said("B")}],
        [{"role": "assistant", "content": [{"type": "text", "text": said("A")}]}],
        said("B", "B"),
        "B",
    ]
    guarded = for_trl(least_thought_words=3)
    assert guarded(completions, log_metric=means.__setitem__, **columns) == [1.0, 0.0, 0.0, 0.0]
    assert means == {"format": 0.75, "accuracy": 0.75, "parsed": 1.0, "collapsed": 0.25, "overlong": 0.0}
    assert trl_reward(completions, **columns) == [1.0, 0.0, 1.0, 0.0]
    assert guarded.__name__ == "reward"


def test_both_trainers_pay_the_same() -> None:
    replies = [said("B"), said("A"), "B", ""]
    columns = {name: [value] * len(replies) for name, value in EXTRA.items()}
    assert trl_reward(replies, **columns) == [paid(reply)["score"] for reply in replies]


def test_loads_by_its_path_as_verl_loads_it() -> None:
    path = Path(reward.__file__)
    spec = importlib.util.spec_from_file_location("custom_module", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["custom_module"] = module
    try:
        spec.loader.exec_module(module)
        assert module.compute_score("", said("B"), "Fracture", EXTRA)["score"] == 1.0
    finally:
        del sys.modules["custom_module"]


def test_loads_without_the_rest_of_the_package() -> None:
    code = (
        "import sys, medvlsynther.reward\n"
        "print(sorted({'numpy', 'pyarrow', 'PIL', 'torch', 'rapidfuzz', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

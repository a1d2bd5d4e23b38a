"""The published graders, defects and all."""

import re

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.released import (
    Tally,
    released_extract,
    released_glm,
    released_infer,
    released_llava,
    released_metrics,
    released_object,
    released_regrade,
    released_reward,
    released_rollouts,
)

YES_NO = {"A": "Yes", "B": "No"}
CAVITIES = {"A": "Left atrium", "B": "Left ventricle"}


def test_regrading_takes_the_last_tags_first_line() -> None:
    assert released_extract("<answer>A</answer> no: <answer>\nB\nA</answer>") == "B"
    assert released_regrade("<answer>(B)</answer>", YES_NO, "B").correct is False
    assert released_regrade("<answer>b. no</answer>", YES_NO, "B").letter == "B"


def test_regrading_searches_cues_through_the_thought() -> None:
    got = released_regrade("<think>The first impression is: Left atrium</think>\nB", CAVITIES, "B")
    assert (got.converted, got.correct) == ("A", False)


def test_the_loose_rule_credits_a_refusal_that_holds_the_letters_of_no() -> None:
    assert released_llava("I cannot give a diagnosis.", YES_NO, "B").correct
    assert not released_regrade("I cannot give a diagnosis.", YES_NO, "B").correct


def test_inference_takes_the_first_tag() -> None:
    assert released_infer("<answer>A</answer><answer>B</answer>", "A", "Yes").correct


def test_the_glm_cascade_ends_with_the_last_lone_letter() -> None:
    assert released_glm("<think>B</think> I saw it. Vitamin C, A", "A", "Yes").text == "A"
    assert released_glm("<|begin_of_box|>B<|end_of_box|>", "B", "No").correct
    assert released_glm("nothing", "B", "No").text == "nothing"


def test_the_reward_wants_its_format_from_end_to_end_and_its_answer_on_one_line() -> None:
    assert released_reward("<think>x</think><answer>B</answer>", "B", "No").reward == 1.0
    assert released_reward("<think>x</think><answer>B</answer>\n", "B", "No").format == 0.0
    broken = released_reward("<think>x</think><answer>\nB\n</answer>", "B", "No")
    assert (broken.format, broken.reward) == (1.0, 0.0)


PIECES = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "</think><answer>", " ", "\n", "B", "x"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_rewards_format_is_the_published_pattern(reply: str) -> None:
    pattern = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
    assert released_reward(reply, "B", "No").format == float(bool(pattern.fullmatch(reply)))


def test_the_reward_of_a_hostile_reply_comes_at_once() -> None:
    hostile = "<think>" + "</think><answer>" * 200_000
    assert released_reward(hostile, "B", "No").format == 0.0


def test_unparsed_texts_vote_and_the_first_wins_a_tie() -> None:
    got = released_rollouts(["(B)", "(B)", "B", "A"], YES_NO, "B")
    assert got.majority == "(B)"
    assert (got.num_correct, got.average, got.passed, got.majority_correct) == (1, 0.25, True, False)
    assert released_rollouts(["A", "B"], YES_NO, "B").majority == "A"


def test_every_data_set_weighs_the_same() -> None:
    tallies = [Tally(dataset="b", rollouts=1, correct=1)] * 3 + [Tally(dataset="a", rollouts=4, correct=1)]
    got = released_metrics(tallies)
    assert list(got.accuracy.items()) == [("a", 0.25), ("b", 1.0)]
    assert (got.overall, got.passed["a"], got.questions["b"], got.rollouts, got.correct) == (62.5, 1.0, 3, 7, 4)


def test_the_published_parser_reads_from_the_first_to_the_last_brace() -> None:
    assert released_object('```json\n{"a": 1,}\n``` {') == {"a": 1}
    assert released_object('use {x}: {"a": 1}') is None
    assert released_object('<think>{x}</think><answer>{"a": 1}</answer>') == {"a": 1}
    assert released_object('{"a": "see [1, ]",}') == {"a": "see [1]"}
    assert released_object("{" * 100_000 + "}") is None

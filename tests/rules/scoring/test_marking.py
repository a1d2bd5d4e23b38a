"""Marks: letters go back to their own order, nothing that was not asked is right, published graders stay published."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.records import LETTERS, Question
from medvlsynther.rules.scoring.marking import GRADERS, Grader, mark, unanswered
from medvlsynther.rules.trials import rotated
from tests.rules.scoring.material import question, reply

TEXTS = st.lists(st.sampled_from(["lung", "liver", "heart", "brain", "bone"]), min_size=2, max_size=5, unique=True)


@given(TEXTS, st.integers(0, 4), st.integers(0, 9), st.integers(0, 4), st.sampled_from(sorted(GRADERS)))
def test_a_letter_said_in_any_order_of_the_options_means_the_same_option(
    texts: list[str], key: int, turn: int, said: int, grader: Grader
) -> None:
    asked = question(0, options=tuple(texts), answer=LETTERS[key % len(texts)])
    shown = rotated(asked.options, turn)
    letter = LETTERS[said % len(texts)]
    found = mark(asked, reply(asked, f"<answer>{letter}</answer>", turn=turn), grader)
    assert found.correct == (shown[letter] == asked.lettered[asked.answer])
    if found.letter is not None:
        assert asked.lettered[found.letter] == shown[letter]


@given(st.text(), st.sampled_from(sorted(GRADERS)))
def test_no_reply_breaks_a_grader_and_right_means_the_key(text: str, grader: Grader) -> None:
    asked = question(0)
    found = mark(asked, reply(asked, text), grader)
    assert not found.correct or found.letter == "A"
    assert (found.letter is None) == (found.reason is not None)


@pytest.mark.parametrize("grader", sorted(GRADERS))
def test_what_was_not_asked_is_wrong_and_says_why(grader: Grader) -> None:
    asked = question(0)
    failed = mark(asked, reply(asked, "A", failure="server_error"), grader)
    faulty = mark(asked.model_copy(update={"fault": "image_missing"}), reply(asked, "A"), grader)
    nothing = unanswered(asked, "m")
    assert [(g.correct, g.reason, g.failure) for g in (failed, faulty, nothing)] == [
        (False, "not_asked", "server_error"),
        (False, "not_asked", "image_missing"),
        (False, "not_asked", "no_answer"),
    ]


def test_a_reply_that_was_cut_off_is_truncated_and_not_unasked() -> None:
    asked = question(0)
    lost = mark(asked, reply(asked, "", failure="truncated"))
    assert (lost.reason, lost.cut, lost.correct) == ("truncated", True, False)
    short = mark(asked, reply(asked, "<think>the liver, or the", finish="length"))
    assert (short.reason, short.cut) == ("truncated", True)
    whole = mark(asked, reply(asked, "<answer>A</answer> and so", finish="length"))
    assert (whole.letter, whole.cut, whole.correct) == ("A", True, True)


def test_thoughts_given_apart_do_not_outweigh_the_answer() -> None:
    asked = question(0)
    assert mark(asked, reply(asked, "B", reasoning="Answer: A")).letter == "B"
    assert mark(asked, reply(asked, "<answer>A</answer>", reasoning="Spleen? No.")).correct


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shared / "oracles" / "grading.jsonl").read_text().splitlines()]


def asked_of(case: dict[str, Any]) -> Question:
    return question(0, case["dataset_name"], options=tuple(case["options"].values()), answer=case["answer_label"])


@pytest.mark.parametrize(
    ("grader", "column"),
    [
        ("released", "ref_is_correct"),
        ("released_llava", "ref_llava_is_correct"),
        ("released_infer", "ref_infer_is_correct"),
        ("released_glm", "ref_glm_is_correct"),
    ],
)
def test_published_graders_say_what_the_published_scripts_say(
    cases: list[dict[str, Any]], grader: Grader, column: str
) -> None:
    for case in cases:
        asked = asked_of(case)
        found = mark(asked, reply(asked, case["output_text"]), grader)
        assert found.correct == case[column], case["case_id"]
        assert found.ours == mark(asked, reply(asked, case["output_text"])).correct


def test_regrading_votes_with_what_the_published_script_converted(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        asked = asked_of(case)
        assert mark(asked, reply(asked, case["output_text"]), "released").said == case["ref_converted"], case["case_id"]


def test_our_grader_reads_as_a_careful_person(cases: list[dict[str, Any]]) -> None:
    sure = [case for case in cases if not case["contested"]]
    agreed = [
        mark(asked_of(case), reply(asked_of(case), case["output_text"])).correct == case["human_correct"]
        for case in sure
    ]
    assert sum(agreed) / len(agreed) > 0.98

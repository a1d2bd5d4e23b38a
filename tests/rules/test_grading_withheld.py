"""What a reply does not choose: no answer, a cut one, any text, ten megabytes."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.grading import Choice, grade, read_choice
from tests.rules.replies import HEART, LETTER_FRAMES, SETS


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "\n",
        "<answer></answer>",
        "<answer>",
        "</answer>",
        "<think>",
        "<think></think>",
        "<think>The image shows a",
        "I cannot determine this from the image.",
        "<answer>unsure</answer>",
        "<answer>None</answer>",
        "N/A",
        "I don't know.",
        "As an AI language model I cannot provide a diagnosis.",
        "No image was provided.",
        "There is no way to tell.",
        "Please choose one of A, B, C or D.",
        "<answer>letter</answer>",
        "<answer>[your answer]</answer>",
        "<answer>...</answer>",
        "<answer>Z</answer>",
        "Z",
        "A or B",
        "A/B",
        "Both A and B",
        "<answer>A and B</answer>",
        "The answer is either A or B.",
        "It could be A, B, or both.",
        "The answer is not A",
        "Option A is incorrect.",
        "If the answer is A, the border is sharp.",
        "The answer is",
        "Answer:",
        "The answer choices are: A, B",
        "I consider option A first, then option B, then the others.",
        "ab",
        "\x00\x01",
        "؟",
        "🙂",
        "</think>",
        "<answer>A</answer><answer>A or B</answer>",
    ],
)
@pytest.mark.parametrize("options", SETS, ids=lambda options: options["A"])
def test_a_reply_without_an_answer_is_never_credited(reply: str, options: Mapping[str, str]) -> None:
    choice = read_choice(reply, options)
    assert choice.letter is None
    assert choice.reason is not None
    assert not any(grade(reply, options, letter).correct for letter in options)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("<answer>A or D</answer>", "several"),
        ("A. Left atrium\nB. Left ventricle\nC. Right atrium\nD. Right ventricle", "several"),
        ("<answer>B. Left atrium</answer>", "several"),
        ("I am unable to answer.", "refused"),
        ("<answer>F</answer>", "out_of_range"),
        ("E, E", "out_of_range"),
        ("<think>Let me look again. Let me look", "truncated"),
        ("The septum is thick.", "none"),
    ],
)
def test_the_reason_says_why_there_is_no_letter(reply: str, reason: str) -> None:
    assert read_choice(reply, HEART) == Choice(reason=reason)


REPLIES = (
    *(frame.format(L="D") for frame in LETTER_FRAMES),
    "The lung is clear. The answer is D. Right ventricle.",
    "<think>Long thoughts about D.</think><answer>D. Right ventricle</answer>",
)


@pytest.mark.parametrize("reply", REPLIES)
def test_no_cut_of_a_reply_is_read_as_another_answer(reply: str) -> None:
    for end in range(len(reply)):
        choice = read_choice(reply[:end], HEART, finish="length")
        assert choice.letter in (None, "D")


def test_a_word_that_was_cut_is_no_letter() -> None:
    assert read_choice("The lesion is clear. The answer is B", HEART, finish="length").letter is None
    assert read_choice("The answer is B.\nBecause the", HEART, finish="length").letter == "B"
    assert read_choice("<answer>B</answer> and the", HEART, finish="length").letter == "B"
    assert read_choice("<think>Well", HEART, finish="length").reason == "truncated"


PIECES = st.sampled_from(
    [
        *"ABCDEFabdz.,:;()[]{}<>*`$\\\n\t |/&",
        "<answer>",
        "</answer>",
        "<think>",
        "</think>",
        "\\boxed{",
        "answer",
        " is ",
        "The ",
        "correct",
        "option ",
        " or ",
        " and ",
        " not ",
        "Right ventricle",
        "left atrium",
        "✅",
        "答案",
        "因此",
        "None",
        "yes",
        "12",
    ]
)


@given(
    st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=80),
    st.sampled_from(SETS),
    st.sampled_from(["stop", "length"]),
)
def test_any_text_gives_a_letter_of_the_options_or_a_reason(
    reply: str, options: Mapping[str, str], finish: str
) -> None:
    choice = read_choice(reply, options, finish=finish)
    assert (choice.letter is None) == (choice.reason is not None)
    assert choice.letter is None or (choice.letter in options and choice.rule)


@given(st.text(max_size=30), st.text(max_size=30))
def test_options_of_any_text_are_read_without_raising(first: str, second: str) -> None:
    options = {"A": first, "B": second}
    for reply in (first, second, f"<answer>{first}</answer>", f"The answer is {second}"):
        assert read_choice(reply, options).letter in ("A", "B", None)


@pytest.mark.parametrize(
    "unit",
    [
        "answer is ",
        "<answer>",
        "\\boxed{",
        "is   ",
        "A. ",
        "option ",
        " ",
        "\n",
        "<",
        "[",
        "the answer: Z ",
        "B or ",
        "(",
        "*",
        "not ",
    ],
)
def test_a_reply_of_ten_megabytes_is_read(unit: str) -> None:
    reply = unit * (10_000_000 // len(unit))
    assert read_choice(reply, HEART).letter in (None, unit[0])
    assert read_choice(f"{reply}\n\n</think><answer>C</answer>", HEART).letter == "C"

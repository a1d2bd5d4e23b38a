"""What a reply chooses: every way of saying it."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.grading import read_choice
from tests.rules.replies import (
    COUNTS,
    GERMS,
    HEART,
    LENGTHS,
    LETTER_FRAMES,
    LETTERS,
    LUNG,
    PANELS,
    SETS,
    STAGES,
    YES_NO,
)


@pytest.mark.parametrize("frame", LETTER_FRAMES)
@pytest.mark.parametrize("options", SETS, ids=lambda options: options["A"])
def test_every_letter_is_read_in_every_frame(frame: str, options: Mapping[str, str]) -> None:
    for letter in options:
        assert read_choice(frame.format(L=letter), options).letter == letter


@pytest.mark.parametrize("mark", [".", ")", ":", " -", ",", ".\t", " –"])
@pytest.mark.parametrize("options", SETS, ids=lambda options: options["A"])
def test_a_letter_with_its_own_text_is_that_letter(mark: str, options: Mapping[str, str]) -> None:
    for letter, text in options.items():
        if mark == "," and len(text) == 1:
            continue  # "A, C" may be two letters
        for frame in ("{0}", "<answer>{0}</answer>", "Answer: {0}", "The answer is {0}", "**{0}**"):
            assert read_choice(frame.format(f"{letter}{mark} {text}"), options).letter == letter


@pytest.mark.parametrize("options", [HEART, YES_NO, STAGES, PANELS, LUNG, LENGTHS, COUNTS, GERMS], ids=lambda o: o["A"])
def test_the_text_of_one_option_chooses_it(options: Mapping[str, str]) -> None:
    for letter, text in options.items():
        for frame in (
            "{0}",
            "{0}.",
            "<answer>{0}</answer>",
            "<answer>{0}.</answer>",
            "The answer is: {0}",
            "Answer: {0}.",
        ):
            assert read_choice(frame.format(text), options).letter == letter
            if len(text) > 1:
                assert read_choice(frame.format(text.upper()), options).letter == letter


@pytest.mark.parametrize(
    ("reply", "options", "letter"),
    [
        ("The arrow marks the right ventricle (D).", HEART, "D"),
        ("The right ventricle, not the left ventricle.", HEART, "D"),
        ("It is not the left atrium.", HEART, None),
        ("ventricle", HEART, None),
        ("A. Option B is incorrect as it would look different.", HEART, "A"),
        ("The correct answer is not A but D.", HEART, "D"),
        ("A ❌\nB ❌\nC ❌\nD ✅", HEART, "D"),
        ("Between C and D, D is more likely.", HEART, "D"),
        ("A. Left atrium\nB. Left ventricle\nC. Right atrium\nD. Right ventricle\n\nB", HEART, "B"),
        ("Answer: D\n\nWhy this is the correct answer: B fits since no other option does.", LETTERS, "D"),
        ("No, the heart size is normal.", YES_NO, "B"),
        ("I notice the border is normal. No.", YES_NO, "B"),
        ("I notice a border.", YES_NO, None),
        ("Yes and no.", YES_NO, None),
        ("<answer>yes , foci are present</answer>", YES_NO, "A"),
        ("<answer>Yes</answer>\nWait, actually the answer is No.", YES_NO, "B"),
        ("Lung carcinoma", LUNG, None),
        ("It is most consistent with lung cancer.", LUNG, "B"),
        ("<answer>abscess</answer>", LUNG, "C"),
        ("Stage III", STAGES, "C"),
        ("I think it is stage III.", STAGES, "C"),
        ("<answer>I</answer>", STAGES, "A"),
        ("There are 3 lesions.", COUNTS, "C"),
        ("There are three lesions.", COUNTS, "C"),
        ("2.1cm", LENGTHS, "B"),
        ("21 mm", LENGTHS, None),
        ("The organism is E. coli.", GERMS, "B"),
        ("<answer>E. H. influenzae</answer>", GERMS, "E"),
        ("<answer>A</answer>", LETTERS, "A"),
        ("<answer>D. B</answer>", LETTERS, "D"),
        ("<answer>Panel A</answer>", PANELS, "B"),
        ("<answer>HER2-</answer>", {"A": "HER2+", "B": "HER2-"}, "B"),
        ("<answer>HER2</answer>", {"A": "HER2+", "B": "HER2-"}, None),
        ("<answer>pAO2</answer>", {"A": "PaO2", "B": "pAO2"}, "B"),
        ("<answer>cyst</answer>", {"A": "Cyst", "B": "cyst "}, "B"),
        ("<answer>Cysts</answer>", {"A": "Cyst", "B": "cyst "}, None),
        ("<answer>Hodgkin lymphoma</answer>", {"A": "Non-Hodgkin lymphoma (NHL)", "B": "Hodgkin lymphoma (HL)"}, "B"),
        (
            "<answer>non-Hodgkin lymphoma</answer>",
            {"A": "Non-Hodgkin lymphoma (NHL)", "B": "Hodgkin lymphoma (HL)"},
            "A",
        ),
        ("<answer>no, it is not visible</answer>", {"A": "Yes", "B": "No", "C": "Not visible"}, None),
        ("Cannot be determined", {"A": "Yes", "B": "No", "C": "Cannot be determined"}, "C"),
        ("不是", {"A": "是", "B": "否"}, "B"),
        ("<answer>the last option</answer>", HEART, "D"),
        ("<answer>🅳</answer>", HEART, "D"),
        ("The statement is true.", {"A": "True", "B": "False"}, "A"),
        ("The answer is A. Wait, no. B.", HEART, "B"),
        ("Answer: A. No, B.", HEART, "B"),
        ("I would say yes.", YES_NO, "A"),
        ("D = Right ventricle", HEART, "D"),
        ("A (Panel A)", PANELS, None),
        ("Panel A (B)", PANELS, "B"),
        ("hyper-intense", {"A": "Hypointense", "B": "Hyperintense"}, "B"),
        ("25", {"A": "0.25 mg/kg", "B": "25 mg/kg", "C": "250 mg/kg"}, "B"),
        ("The left is right.", {"A": "Left", "B": "Right"}, None),
    ],
)
def test_words_are_read_as_a_careful_person_reads_them(
    reply: str, options: Mapping[str, str], letter: str | None
) -> None:
    assert read_choice(reply, options).letter == letter


def test_a_thought_counts_only_where_nothing_else_was_said() -> None:
    assert read_choice("<think>So the answer is B.</think>", HEART).rule == "thought:cue:letter"
    assert read_choice("<think>So the answer is B.</think>\nD", HEART).letter == "D"
    assert read_choice("<think>So the answer is B.</think><answer>unsure</answer>", HEART).letter is None


@given(st.permutations(list(HEART.values())), st.sampled_from(list(HEART.values())))
def test_a_text_is_found_wherever_its_option_stands(texts: list[str], said: str) -> None:
    options = dict(zip("ABCD", texts, strict=True))
    letter = "ABCD"[texts.index(said)]
    for frame in ("<answer>{0}</answer>", "The answer is the {0}.", "I think this shows the {0}."):
        assert read_choice(frame.format(said.lower()), options).letter == letter


def test_an_answer_in_json_keeps_its_letter() -> None:
    assert read_choice(json.dumps({"final_answer": "C. Right atrium", "confidence": 0.9}), HEART).letter == "C"


JUDGED = (
    ("Option A: no. Option B: yes. Option C: no. Option D: no.", "B"),
    ("A: no\nB: no\nC: yes\nD: no", "C"),
    ("A. Left atrium - incorrect\nB. Left ventricle - correct\nC. Right atrium - incorrect", "B"),
    ("Option A (left atrium): unlikely. Option D (right ventricle): most likely.", "D"),
    ("A ❌ B ❌ C ✅ D ❌", "C"),
    ("A) ❌\nB) ✅\nC) ❌\nD) ❌", "B"),
    ("A: no. B: no. C: no. D: no.", None),
    ("A: yes. B: yes. C: no. D: no.", None),
    ("Option A - ruled out. Option B - not correct.", None),
)


@pytest.mark.parametrize(("reply", "letter"), JUDGED)
def test_a_list_that_judges_options_one_by_one_means_the_one_with_yes(reply: str, letter: str | None) -> None:
    assert read_choice(reply, HEART).letter == letter


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("I first thought A, but the answer is C.", "C"),
        ("If A were right we would see more; however the answer is B.", "B"),
        ("The answer is the second option.", "B"),
        ("The third option is correct.", "C"),
        ("I would choose D over B.", "D"),
        ("All things considered, D.", "D"),
        ("Between A and B, B.", None),
        ("option_b", "B"),
        ("ventricle, right", "D"),
        ("It is not the left atrium but the right atrium.", "C"),
    ],
)
def test_turns_places_and_closing_words_are_read(reply: str, letter: str | None) -> None:
    assert read_choice(reply, HEART).letter == letter

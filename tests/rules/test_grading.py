"""What a reply chooses: every way of saying it, and every way of not saying it."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.grading import Choice, grade, read_choice

HEART = {"A": "Left atrium", "B": "Left ventricle", "C": "Right atrium", "D": "Right ventricle"}
YES_NO = {"A": "Yes", "B": "No"}
STAGES = {"A": "I", "B": "II", "C": "III", "D": "IV"}
PANELS = {"A": "Panel C", "B": "Panel A", "C": "Panel D", "D": "Panel B"}
LETTERS = {"A": "C", "B": "D", "C": "A", "D": "B", "E": "None of the above"}
LUNG = {"A": "Lung", "B": "Lung cancer", "C": "Lung abscess", "D": "Lung cancer with pleural effusion"}
LENGTHS = {"A": "1.2 cm", "B": "2.1 cm", "C": "12 cm", "D": "21 cm"}
COUNTS = {"A": "1", "B": "2", "C": "3", "D": "12"}
GERMS = {"A": "S. aureus", "B": "E. coli", "C": "K. pneumoniae", "D": "P. aeruginosa", "E": "H. influenzae"}
SETS: tuple[Mapping[str, str], ...] = (HEART, YES_NO, STAGES, PANELS, LETTERS, LUNG, LENGTHS, COUNTS, GERMS)

# Frames around a letter {L}; each says clearly that it is the answer, whatever the options are.
LETTER_FRAMES = (
    "{L}",
    "{L}.",
    "({L})",
    "[{L}]",
    '"{L}"',
    "**{L}**",
    "`{L}`",
    "“{L}”",
    "- {L}",
    " {L} \n",
    "{L}</s>",
    "{L}<|im_end|>",
    "<answer>{L}</answer>",
    "<answer>\n{L}\n</answer>",
    "<answer>({L})</answer>",
    "<answer>{L}",
    "<ANSWER>{L}</ANSWER>",
    "<answer>{L}<answer>",
    "{L}</answer>",
    "&lt;answer&gt;{L}&lt;/answer&gt;",
    "<final_answer>{L}</final_answer>",
    "<|begin_of_box|>{L}<|end_of_box|>",
    "\\boxed{{{L}}}",
    "The final answer is $\\boxed{{\\text{{{L}}}}}$.",
    "Answer: {L}",
    "**Answer:** {L}",
    "**Answer: {L}**",
    "Final answer: ({L})",
    "### Final Answer\n\n{L}",
    "Answer - {L}",
    "The answer is {L}.",
    "The correct answer is: {L}",
    "I would choose {L}.",
    "I'll go with option {L}",
    "Option {L} is correct.",
    "Therefore, {L} is correct.",
    "So the best choice is {L}.",
    "It is not obvious at first; hence {L}.",
    "✅ {L}",
    '{{"reasoning": "seen", "answer": "{L}"}}',
    "```\n{L}\n```",
    "答案：{L}",
    "因此答案是{L}。",
    "故选{L}",
    "正解は{L}です",
    "정답은 {L}입니다",
    "La respuesta correcta es {L}.",
    "La réponse est {L}.",
    "Die richtige Antwort ist {L}.",
    "Antwort: {L}",
    "Ответ: {L}",
    "<think>It might be another one.</think>\n{L}",
    "<think>It might be.\n<answer>{L}</answer>",
    "thoughts\n</think>\n{L}",
    "<think>My first guess: <answer>Z</answer></think>\n<answer>{L}</answer>",
    "<answer>{L}</answer>\n\nI hope this helps!",
    "<answer>Answer: {L}</answer>",
    "<answer>The correct answer is {L}.</answer>",
    "<answer>{L}, since nothing else fits</answer>",
    "The answer is Z... no wait, the answer is {L}",
    "<answer>Z</answer> I was wrong. <answer>{L}</answer>",
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


@given(st.permutations(list(HEART.values())), st.sampled_from(list(HEART.values())))
def test_a_text_is_found_wherever_its_option_stands(texts: list[str], said: str) -> None:
    options = dict(zip("ABCD", texts, strict=True))
    letter = "ABCD"[texts.index(said)]
    for frame in ("<answer>{0}</answer>", "The answer is the {0}.", "I think this shows the {0}."):
        assert read_choice(frame.format(said.lower()), options).letter == letter


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

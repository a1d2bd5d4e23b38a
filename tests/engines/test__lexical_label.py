"""What the lexical engine labels, explains and guesses."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.engines._lexical_terms import lexicon
from medvlsynther.engines.base import ReplyError
from tests.engines.lexical_engine import CAPTION, SOUND, ask, written


def test_labels_come_from_the_lists() -> None:
    for item, caption, _ in written():
        labels = json.loads(ask("label", item | {"caption": caption}))
        assert list(labels) == ["question_type", "modality", "anatomy"]
        for field, card in (("question_type", "question_types"), ("modality", "modality"), ("anatomy", "anatomy")):
            assert labels[field] == "other" or lexicon(card).get(labels[field])


@pytest.mark.parametrize(
    ("question", "options", "expected"),
    [
        (SOUND["question"], SOUND["options"], ("finding", "ct", "head")),
        ("Which modality was used?", {"A": "Ultrasonography", "B": "Computed tomography"}, ("modality", "ct", "head")),
        ("Which organ is shown?", {"A": "Liver", "B": "Brain"}, ("anatomy", "ct", "brain")),
        ("What is the most appropriate next step?", {"A": "Wait", "B": "Operate"}, ("next step", "ct", "head")),
        ("How bad is it?", {"A": "Very", "B": "Not"}, ("other", "ct", "head")),
    ],
)
def test_a_label_follows_the_options_and_then_the_stem(
    question: str, options: dict[str, str], expected: tuple[str, ...]
) -> None:
    labels = json.loads(ask("label", {"question": question, "options": options, "answer": "B", "caption": CAPTION}))
    assert tuple(labels.values()) == expected


def test_thoughts_end_in_the_key_and_name_no_letter() -> None:
    for item, caption, _ in written():
        text = ask("explain", item | {"caption": caption, "answer": "A"})
        found = re.fullmatch(r"<think>(.+)</think>\n<answer>([A-E])</answer>", text, re.DOTALL)
        assert found is not None
        assert found[2] == item["answer"]
        assert not re.search(r"\b(?:option|answer|caption)\b|\([A-E]\)|\b[B-E]\.", found[1])


def test_an_item_that_the_caption_does_not_decide_has_no_thoughts() -> None:
    assert json.loads(ask("explain", SOUND | {"caption": "CT image."})) == {"error": "insufficient_evidence"}


@settings(deadline=None)
@given(st.permutations(["Liver", "Spleen", "Kidney", "Pancreas", "Colon"]), st.integers(0, 3))
def test_a_guess_follows_its_option_through_any_order(texts: list[str], sample: int) -> None:
    def chosen(order: list[str]) -> str:
        options = dict(zip("ABCDE", order))
        reply = ask("answer", {"question": "Which organ?", "options": options}, sample=sample)
        found = re.fullmatch(r"<answer>([A-E])</answer>", reply)
        assert found
        return options[found[1]]

    assert chosen(texts) == chosen(sorted(texts))


def test_a_guess_is_right_as_often_as_chance() -> None:
    options = dict(zip("ABCDE", ["Liver", "Spleen", "Kidney", "Pancreas", "Colon"]))
    letters = Counter(ask("answer", {"question": f"Question {n}?", "options": options}) for n in range(500))
    assert len(letters) == 5
    assert max(letters.values()) < 150


def test_a_task_it_has_no_words_for_is_refused() -> None:
    with pytest.raises(ReplyError) as refused:
        ask("classify", {"caption": CAPTION})
    assert refused.value.reason == "unsupported_task"

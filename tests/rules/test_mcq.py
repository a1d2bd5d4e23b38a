"""Items out of replies: whole, unchanged, or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import ReplyError
from medvlsynther.records import LETTERS
from medvlsynther.rules.mcq import Draft, item_schema, read_item

OPTIONS = {"A": "Lung", "B": "Liver", "C": "Heart", "D": "Kidney", "E": "Spleen"}
ITEM: dict[str, Any] = {"question": "Which organ is shown?", "options": OPTIONS, "answer": "C"}
DRAFT = Draft(question="Which organ is shown?", options=tuple(OPTIONS.values()), answer="C")


def reason(item: object, letters: str = "ABCDE") -> str:
    with pytest.raises(ReplyError) as caught:
        read_item(item if isinstance(item, str) else json.dumps(item), letters)
    return caught.value.reason


def test_a_clean_reply_is_its_item() -> None:
    assert read_item(json.dumps(ITEM)) == DRAFT


@pytest.mark.parametrize("answer", ["C", "c", " C ", "C.", "(C)", "C. Heart", "C) heart", "Heart", "heart."])
def test_an_answer_is_a_letter_however_it_is_written(answer: str) -> None:
    assert read_item(json.dumps({**ITEM, "answer": answer})).answer == "C"


@pytest.mark.parametrize(
    "answer", ["", "F", "C or D", "A. Heart", "the heart of a patient", None, 3, True, ["C"], {"C": 1}, "unsure"]
)
def test_an_answer_that_is_no_letter_refuses_the_item(answer: object) -> None:
    assert reason({**ITEM, "answer": answer}) == "bad_schema"


@pytest.mark.parametrize(
    "options",
    [
        None,
        [],
        {},
        list(OPTIONS.values()),
        "A",
        {**OPTIONS, "F": "Skin"},
        {"A": "x", "B": "y"},
        {**OPTIONS, "E": ""},
        {**OPTIONS, "E": " "},
        {**OPTIONS, "E": None},
        {**OPTIONS, "E": 1.5},
        {**OPTIONS, "E": ["x"]},
        {**OPTIONS, "E": True},
        {"A": "Lung", "a": "Liver", "C": "Heart", "D": "Kidney", "E": "Spleen"},
        {**OPTIONS, "E": "x" * 30_000},
    ],
)
def test_options_that_are_not_one_text_per_letter_refuse_the_item(options: object) -> None:
    assert reason({**ITEM, "options": options}) == "bad_schema"


def test_whole_numbers_are_texts() -> None:
    assert read_item('{"question": "How many?", "options": {"A": 1, "B": 2}, "answer": "B"}', "AB").options == (
        "1",
        "2",
    )


@pytest.mark.parametrize("key", ["question", "options", "answer"])
def test_a_missing_key_refuses_the_item(key: str) -> None:
    assert reason({name: value for name, value in ITEM.items() if name != key}) == "bad_schema"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"error": "insufficient_evidence"}', "insufficient_evidence"),
        ('```json\n{"error": "Insufficient evidence in the figure."}\n```', "insufficient_evidence"),
        ('{"error": "policy"}', "refused"),
        ("I cannot help with that.", "refused"),
        ("{}", "bad_schema"),
        ('{"question": "q"}', "bad_schema"),
        ("no", "no_json"),
        (json.dumps(ITEM)[:60], "truncated"),
    ],
)
def test_a_reply_without_an_item_is_refused_with_its_reason(reply: str, expected: str) -> None:
    assert reason(reply) == expected


def test_no_beginning_of_a_reply_is_another_item() -> None:
    for text in (json.dumps(ITEM), json.dumps(ITEM, indent=1), f"```json\n{json.dumps(ITEM)}\n```", repr(ITEM)):
        for end in range(len(text)):
            try:
                found = read_item(text[:end])
            except ReplyError:
                continue
            assert found == DRAFT


@given(st.integers(2, 10), st.data())
def test_an_item_of_any_size_comes_back_as_it_was(size: int, data: st.DataObject) -> None:
    letters = LETTERS[:size]
    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=15).filter(lambda text: bool(text.strip()))
    options = tuple(data.draw(st.lists(text, min_size=size, max_size=size)))
    draft = Draft(question=data.draw(text), options=options, answer=data.draw(st.sampled_from(letters)))
    reply = json.dumps({**draft.model_dump(), "options": dict(zip(letters, options, strict=True))})
    read = read_item(reply, letters)
    assert read.options == tuple(option.strip() for option in options)
    assert (read.question, read.answer) == (draft.question.strip(), draft.answer)


def test_the_schema_asks_for_what_the_reader_reads() -> None:
    schema = item_schema("ABC")
    assert schema["required"] == ["question", "options", "answer"]
    assert schema["properties"]["options"]["required"] == ["A", "B", "C"]
    assert schema["properties"]["answer"]["enum"] == ["A", "B", "C"]
    assert schema["additionalProperties"] is False


def test_the_schema_keeps_to_what_every_guided_decoder_knows() -> None:
    def words(part: object) -> set[str]:
        if isinstance(part, dict):
            inner = [words(value) for key, value in part.items() if key != "properties"]
            named = [words(value) for value in part.get("properties", {}).values()]
            return set(part).union(*inner, *named)
        return set()

    assert words(item_schema()) <= {"type", "properties", "required", "additionalProperties", "enum"}

"""JSON out of replies: nothing lost that is said, nothing taken that is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import ReplyError
from medvlsynther.rules.mcq import LONGEST, read_object

ITEM: dict[str, Any] = {
    "question": 'What\'s the "target" sign, {x | x > 3}?',
    "options": {"A": "Crohn's", "B": "a, b", "C": "{}", "D": "1 // 2", "E": "#3, ]"},
    "answer": "B",
}
MARKS = {"rubric": [{"title": "One", "score": 5}, {"title": "Two", "score": 0}]}
COMPACT, INDENTED = json.dumps(ITEM), json.dumps(ITEM, indent=2)


def reason(reply: str, **settings: Any) -> str:
    with pytest.raises(ReplyError) as caught:
        read_object(reply, **settings)
    return caught.value.reason


WRAPPINGS = (
    "{0}",
    "\ufeff{0}",
    "Sure! Here it is:\n{0}\nLet me know.",
    "```json\n{0}\n```",
    "```\n{0}\n```\nDone.",
    "~~~json\n{0}\n~~~",
    "```json5\n{0}",
    "<think>The schema is {{question, options}}.</think>\n{0}",
    '<think>Draft: {{"question": "x"}}</think>{0}',
    "thoughts\n</think>\n{0}",
    "<think>now\n{0}",
    "<think>a</think><answer>{0}</answer>",
    "<|begin_of_box|>{0}<|end_of_box|>",
    "I fill {{question, options{{A..E}}, answer}}.\n{0}",
    "Start: {{}}\n{0}",
    "{0}\n(Keys: {{question, answer}}.)",
    "{0}\nHope it helps :}}",
    "{0}}}",
    "{{{0}}}",
    "[{0}]",
    "“{0}”",
    "{0}\n{0}",
    "{0}</s>",
)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("value", [ITEM, MARKS], ids=["item", "marks"])
def test_an_object_is_found_in_every_wrapping(wrapping: str, value: dict[str, Any]) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False), repr(value)):
        assert read_object(wrapping.format(text)) == value


def test_json_in_a_json_string_is_read_once() -> None:
    assert read_object(json.dumps(COMPACT)) == ITEM
    assert reason(json.dumps(json.dumps(COMPACT))) in ("no_json", "bad_json")


@pytest.mark.parametrize("text", [COMPACT, INDENTED, repr(ITEM), json.dumps(MARKS), json.dumps(MARKS, indent=2)])
def test_no_beginning_of_an_object_is_taken_but_for_its_last_brace(text: str) -> None:
    whole = read_object(text)
    for end in range(len(text)):
        try:
            found = read_object(text[:end])
        except ReplyError:
            continue
        assert found == whole
        assert text[end:].strip() in ("", "}")


def test_a_missing_last_brace_needs_all_keys_that_are_asked_for() -> None:
    assert read_object('{"one": true, "two": false', required=("one", "two")) == {"one": True, "two": False}
    assert reason('{"one": true, "two": false', required=("one", "two", "three")) == "truncated"
    assert reason('{"one": true, "two": fal', required=("one", "two")) == "truncated"
    assert reason('{"question": "q", "options": {"A": "x"}, "answer": "B') == "truncated"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2, ], "b": "x, ]",}', {"a": [1, 2], "b": "x, ]"}),
        ("{a: 'x', b: True, c: None}", {"a": "x", "b": True, "c": None}),
        ('{ /* one */ "a": 1, // two\n # three\n "b": "http://x" }', {"a": 1, "b": "http://x"}),
        ("{“a”: “the “target” sign”, “b”: “y”}", {"a": "the “target” sign", "b": "y"}),
        ('{"a": "the "target" sign", "b": "y"}', {"a": 'the "target" sign', "b": "y"}),
        ("{'a': 'Crohn's disease', 'b': 'it\\'s'}", {"a": "Crohn's disease", "b": "it's"}),
        ('{"a": "x"\n "b": {"c": "y"} "d": 1}', {"a": "x", "b": {"c": "y"}, "d": 1}),
        ('{"a": "x", b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": D}', {"a": "D"}),
        ('{"a": "line\nbreak\tand \\(x\\) \\mathrm{mg}"}', {"a": "line\nbreak\tand \\(x\\) \\mathrm{mg}"}),
        ('{\u00a0"a":\u00a0"x\u00a0y"\u00a0}', {"a": "x\u00a0y"}),
        ("{'a': '\\ud83d\\ude00'}", {"a": "😀"}),
        ("{}", {}),
        ("```json\n{}\n```", {}),
    ],
)
def test_syntax_is_forgiven_and_strings_are_kept(text: str, value: dict[str, Any]) -> None:
    assert read_object(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("x" * (LONGEST + 1), "too_long"),
        ('{"a":' * 50_000, "too_deep"),
        ("{'a':" * 200, "too_deep"),
        ("null", "no_json"),
        ("[]", "no_json"),
        ("The caption is missing {}.", "no_json"),
        ("{question: }", "no_json"),
        ("I'm sorry, I cannot create a question.", "refused"),
        ('{"a": 1, "score": 0|5}', "bad_json"),
        ('{"a": 1, "score": 5/5}', "bad_json"),
        ('{"a": 1, "b": NaN}', "not_finite"),
        ('{"a": 1, "b": -Infinity}', "not_finite"),
        ('{"a": 1, "b": 1e999}', "not_finite"),
        ("{'a': 1, 'b': NaN}", "bad_json"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ("{'a': 1, 'a': 2}", "duplicate_key"),
        ('{"question": "Which', "truncated"),
        ('{"rubric": [{"title": "One", "score": 5}', "truncated"),
        ('{"rubric": [{"title": "One", "score": 5},', "truncated"),
        ('{"a": "\\ud800"}', "bad_text"),
        ('{"a": "\ud800"}', "bad_text"),
        (COMPACT + "\n" + COMPACT.replace('"B"}', '"C"}'), "several"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(text: str, expected: str) -> None:
    assert reason(text) == expected


def test_of_two_objects_the_one_called_final_is_meant() -> None:
    final = {**ITEM, "answer": "C"}
    assert read_object(f"Draft: {COMPACT}\nFinal version:\n{json.dumps(final)}") == final


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=6), VALUES, min_size=1, max_size=4)


@given(OBJECTS, st.booleans())
def test_sound_json_is_read_as_it_is(value: dict[str, Any], escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert read_object(text) == value
    assert read_object(f"```json\n{text}\n```") == value


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\"'\\“”‘’`"), min_size=1, max_size=20).filter(
    str.strip
)


@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_no_damage_around_a_string_changes_it(texts: list[str]) -> None:
    question, one, two = texts
    value = {"question": question, "options": {"A": one, "B": two}, "answer": "A"}
    sound = json.dumps(value, ensure_ascii=False)
    single = f"{{'question': '{question}', 'options': {{'A': '{one}', 'B': '{two}'}}, 'answer': 'A'}}"
    for text in (sound[:-1], sound.replace("},", "},\n//c\n")[:-1] + ",}", single, f"see {{x}}:\n{sound}"):
        try:
            found = read_object(text)
        except ReplyError:
            continue
        assert found == value


PIECES = st.sampled_from(
    [*"{}[]:,\"'\\\n #“”`", "//", "/*", "*/", "```", "<think>", "</think>", "null", "NaN", "1", "a", '"a"', '"a": ']
)


@given(
    st.lists(PIECES, max_size=40).map("".join)
    | st.text(max_size=60)
    | st.binary(max_size=60).map(lambda b: b.decode("latin-1"))
)
def test_any_text_gives_an_object_or_a_reason(text: str) -> None:
    try:
        found = read_object(text)
    except ReplyError:
        return
    assert "NaN" not in json.dumps(found)


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        '{"a":',
        "{'a':",
        '{"a":[',
        '"/*',
        '"\n',
        '"#',
        '" ',
        "{/*",
        "{'a':'x',",
        '{"a":1}',
        "{a}",
        "<think>",
        "\\",
        "'",
        "\x00",
    ],
)
def test_the_longest_hostile_text_ends_in_a_reason(unit: str) -> None:
    assert reason(unit * (LONGEST // len(unit)))
    assert reason('{"a":"' + unit * (LONGEST // len(unit) - 10))

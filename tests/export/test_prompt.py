"""One builder of prompts: the published words to the letter, the same words on every path."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Prompt
from medvlsynther.engines.base import Request, render
from medvlsynther.errors import InputError
from medvlsynther.export.prompt import ask, reply
from tests.export.material import Material, item

RELEASED, DEFAULT = Prompt.load("released"), Prompt.load("answer")
PUBLISHED = (
    r"You will solve a problem/request. You should provide your thoughts within <think> </think> tags before providing "
    r"the answer.\nWrite your final answer within <answer> </answer> tags."
)
"""The published instruction, in which a backslash and an n stand where a line break was meant."""

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=40)


@given(question=texts, options=st.lists(texts, min_size=2, max_size=6))
def test_released_words_are_the_published_ones(question: str, options: list[str]) -> None:
    lettered = dict(zip("ABCDEF", options, strict=False))
    blocks = "".join(f"\n\n{letter}. {text}" for letter, text in lettered.items())
    words = ask(RELEASED, "id", question, lettered)
    assert (words.system, words.user) == ("", f"{PUBLISHED}\n\nQuestion: {question}\n\nOptions:{blocks}")


def test_only_the_released_words_hold_a_backslash() -> None:
    options = {"A": "one", "B": "two"}
    assert "\\n" in ask(RELEASED, "id", "What?", options).user
    words = ask(DEFAULT, "id", "What?", options)
    assert "\\n" not in words.system + words.user
    assert words.user == "What?\nA. one\nB. two"


@given(question=texts, options=st.lists(texts, min_size=2, max_size=6))
def test_training_and_evaluation_use_the_same_words(question: str, options: list[str]) -> None:
    lettered = dict(zip("ABCDEF", options, strict=False))
    words = ask(DEFAULT, "id", question, lettered)
    served = render(Request("id", DEFAULT, {"question": question, "options": lettered}))
    assert (words.system, words.user) == (served.system, served.task)


def test_text_is_never_read_as_a_template() -> None:
    assert "{{ 7 * 7 }}" in ask(DEFAULT, "id", "{{ 7 * 7 }} {% x %}", {"A": "{# y #}", "B": "z"}).user


def test_plain_and_parted_messages_hold_the_same_text() -> None:
    words = ask(DEFAULT, "id", "What?", {"A": "one", "B": "two"})
    plain, parted = words.plain(2), words.parts([{"type": "image"}] * 2)
    assert plain[-1]["content"] == "<image><image>" + parted[-1]["content"][-1]["text"]
    assert plain[0] == parted[0] == {"role": "system", "content": words.system}


def test_a_reply_ends_in_the_letter_and_thoughts_are_never_invented(tmp_path: Path) -> None:
    figure = Material(tmp_path).figure(0, [])
    thoughtful = item(figure, reasoning="It is bright.", answer="B")
    assert reply(thoughtful) == "<think>It is bright.</think>\n<answer>B</answer>"
    assert reply(item(figure, answer="B")) == "<answer>B</answer>"
    with pytest.raises(InputError, match="no_thoughts"):
        reply(item(figure), thoughts=True)

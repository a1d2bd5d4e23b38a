"""Views of a text: what makes no difference, and what does."""

import string

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.overlap.text import masked, normal, views

WORDS = st.lists(st.text(string.ascii_letters + "é肺", min_size=1, max_size=8), min_size=1, max_size=8)


@given(st.text(max_size=80))
def test_levelling_twice_is_levelling_once(text: str) -> None:
    assert normal(normal(text)) == normal(text)


@given(WORDS)
def test_case_and_punctuation_make_no_difference(words: list[str]) -> None:
    written = ", ".join(word.upper() for word in words) + "?!"
    assert normal(written) == normal(" ".join(word.upper() for word in words))


@given(WORDS, WORDS, st.randoms())
def test_the_order_of_options_makes_no_difference(stem: list[str], options: list[str], random: object) -> None:
    shuffled = list(options)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(views(" ".join(stem), options, options[0])) == list(views(" ".join(stem), shuffled, options[0]))


def test_numbers_are_kept_and_masked_in_views_of_their_own() -> None:
    found = dict(views("A 54-year-old man?", ("2.5 cm", "3 cm"), "3 cm"))
    assert found["stem"] == "a 54 year old man"
    assert found["stem#"] == "a 0 year old man"
    assert found["key#"] == "0 cm"
    assert "options#" in found
    assert "stem#" not in dict(views("A man?", (), ""))


def test_an_open_question_is_its_stem_and_its_answer() -> None:
    assert dict(views("What is it?", (), "Lung"))["item"] == "what is it lung"


def test_a_text_without_blanks_has_a_word_a_character() -> None:
    assert normal("肺部CT成像?") == "肺 部 ct 成 像"


def test_an_item_without_words_has_no_view() -> None:
    assert list(views(" ?! ", ("", "…"), "")) == []


def test_masking_keeps_everything_else() -> None:
    assert masked("t2 weighted 1.5 t") == "t0 weighted 0 t"

"""Word distance 1, exactly."""

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from medvlsynther.rules.overlap.edits import one_word_apart, struck_out

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=7).map(" ".join), max_size=12)


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_it_finds_what_comparing_every_pair_finds(left: list[str], right: list[str], least: int) -> None:
    found = list(one_word_apart(left, right, least))
    assert len(found) == len(set(found))
    assert set(found) == {
        (one, other)
        for one, text in enumerate(left)
        for other, rest in enumerate(right)
        if min(len(text.split()), len(rest.split())) >= least and Levenshtein.distance(text.split(), rest.split()) == 1
    }


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9))
def test_striking_out_a_word_gives_the_hash_of_the_shorter_text(words: list[str]) -> None:
    for place in range(len(words)):
        shorter = " ".join(words[:place] + words[place + 1 :])
        assert struck_out(" ".join(words))[place + 1] == struck_out(shorter)[0]

"""Letters: what was right stays right, and nothing predicts where it stands."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import draw
from medvlsynther.records import LETTERS, Item, Origin
from medvlsynther.rules.rebalance import (
    Subset,
    mentions_letters,
    released,
    released_subset,
    released_targets,
    released_turns,
    shuffle,
)

ORIGIN = Origin(prompt="p", prompt_hash="0", model="m", model_hash="1")


def item(
    number: int = 0, options: tuple[str, ...] = ("Lung", "Liver", "Heart", "Kidney", "Spleen"), **changes: object
) -> Item:
    given_fields = {
        "item_id": f"f#{number}",
        "figure_id": "f",
        "question": "Which?",
        "options": options,
        "answer": "A",
        "origin": ORIGIN,
    }
    return Item.model_validate({**given_fields, **changes})


@given(st.integers(2, 10), st.integers(0, 10**6), st.integers(0, 99))
def test_shuffling_moves_options_and_nothing_else(size: int, number: int, seed: int) -> None:
    options = tuple(f"finding {n}" for n in range(size))
    before = item(number, options, answer=LETTERS[number % size])
    after = shuffle(before, seed)
    assert after.key == before.key
    assert sorted(after.options) == sorted(before.options)
    assert after == shuffle(before, seed)
    assert after.model_copy(update={"options": before.options, "answer": before.answer}) == before


def test_no_letter_is_favoured_and_the_place_in_the_table_tells_nothing() -> None:
    answers = [shuffle(item(number), 7).answer for number in range(5000)]
    counts = Counter(answers)
    assert set(counts) == set("ABCDE")
    assert max(counts.values()) - min(counts.values()) < 200
    for period in range(2, 21):
        best = sum(max(Counter(answers[start::period]).values()) for start in range(period))
        assert best / len(answers) < 0.26


@pytest.mark.parametrize(
    "change",
    [
        {"options": ("Lung", "Liver", "Both A and B")},
        {"options": ("Lung", "Liver", "All of the above")},
        {"options": ("Lung", "Liver", "None of the above")},
        {"options": ("A", "B", "C")},
        {"options": ("Lung", "Liver", "A and B")},
        {"question": "Which finding is listed above?"},
        {"question": "Why is option B wrong?"},
    ],
)
def test_an_item_that_names_letters_or_places_stays(change: dict[str, object]) -> None:
    before = item(3, **change)  # type: ignore[arg-type]
    assert mentions_letters(before)
    assert all(shuffle(before, seed) == before for seed in range(20))


@pytest.mark.parametrize(
    "options", [("Hepatitis A", "Hepatitis B"), ("Above the liver", "In the pelvis"), ("Panel A", "Panel B")]
)
def test_letters_that_belong_to_a_name_do_not_hold_an_item(options: tuple[str, ...]) -> None:
    assert not mentions_letters(item(options=options))


def test_reasoning_moves_with_the_options() -> None:
    before = item(1, reasoning="A large mass excludes option B and option C. <answer>A</answer>")
    for seed in range(20):
        after = shuffle(before, seed)
        where = {text: letter for letter, text in after.lettered.items()}
        lung, liver, heart = where["Lung"], where["Liver"], where["Heart"]
        assert after.reasoning == f"A large mass excludes option {liver} and option {heart}. <answer>{lung}</answer>"


@pytest.mark.parametrize("reasoning", ["A and C are out, so B.", "Group B streptococcus fits option A.", "It is D"])
def test_reasoning_with_letters_that_may_be_options_keeps_the_item(reasoning: str) -> None:
    before = item(1, reasoning=reasoning)
    assert all(shuffle(before, seed) == before for seed in range(10))


@given(st.integers(0, 400), st.sampled_from(["ABCD", "ABCDE"]))
def test_the_published_turns_meet_their_targets(count: int, letters: str) -> None:
    turns = list(released_turns(count, letters))
    targets = released_targets(count, letters)
    assert Counter(turns) == Counter({letter: share for letter, share in targets.items() if share})
    assert max(targets.values()) - min(targets.values()) <= 1


def test_the_published_rotation_keeps_each_key_and_the_order_of_the_others() -> None:
    before = [item(number, answer="C") for number in range(11)] + [item(11, ("Lung", "Liver"), answer="B")]
    after = list(released(iter(before), {5: 11, 2: 1}))
    assert [each.key for each in after] == [each.key for each in before]
    assert "".join(each.answer for each in after[:11]) == "".join(released_turns(11))
    for old, new in zip(before, after, strict=True):
        assert [text for text in new.options if text != new.key] == [text for text in old.options if text != old.key]


GROUPS = st.lists(st.sampled_from("ABCDE"), max_size=60).map(
    lambda keys: [(key, f"i{n}") for n, key in enumerate(keys)]
)


def drawn(groups: list[tuple[str, str]], size: int, seed: int) -> set[str]:
    subset = Subset(lambda: groups, size, seed)
    return {member for group, member in groups if subset.takes(group, member)}


@given(GROUPS, st.integers(0, 70), st.integers(0, 5))
def test_a_subset_is_as_even_as_its_groups_allow(groups: list[tuple[str, str]], size: int, seed: int) -> None:
    chosen = drawn(groups, size, seed)
    assert len(chosen) == min(size, len(groups))
    assert chosen == drawn(list(reversed(groups)), size, seed)
    available = Counter(key for key, _ in groups)
    taken = Counter(key for key, member in groups if member in chosen)
    for one in available:
        assert all(taken[one] + 1 >= taken[other] for other in available) or taken[one] == available[one]


@given(GROUPS, st.integers(0, 70), st.integers(0, 5))
def test_a_subset_takes_the_lowest_ranks_of_each_group(groups: list[tuple[str, str]], size: int, seed: int) -> None:
    chosen = drawn(groups, size, seed)
    for letter in "ABCDE":
        own = sorted((m for key, m in groups if key == letter), key=lambda m: (draw(seed, "subset", m), m))
        assert [member in chosen for member in own] == sorted((member in chosen for member in own), reverse=True)


def test_a_smaller_subset_lies_within_a_larger_one() -> None:
    groups = [("ABCDE"[n % 5], f"i{n}") for n in range(500)]
    assert drawn(groups, 50, 1) < drawn(groups, 100, 1)
    assert drawn(groups, 50, 1) != drawn(groups, 50, 2)


def test_the_published_draw_needs_its_share_of_every_letter() -> None:
    answers = "ABCDE" * 4
    drawn = released_subset(answers, 10, 42)
    assert Counter(answers[place] for place in drawn) == Counter("ABCDE" * 2)
    with pytest.raises(BadSetting):
        released_subset("AAAB", 4, 42)
    with pytest.raises(BadSetting):
        released_subset(answers, 21, 42)

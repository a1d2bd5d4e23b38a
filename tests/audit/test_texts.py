"""Texts that were changed are found; others are not; and no order or hash seed matters."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

from medvlsynther.audit.gather import blinded
from medvlsynther.audit.plant import TEXT_CHANGES, Dice, Wording
from medvlsynther.audit.sets import Exhibit
from medvlsynther.audit.texts import Alike, Rules, alike, known
from medvlsynther.rules.overlap.classes import SAME_STEM, SAME_TEXT

FINDINGS = ("cyst", "abscess", "metastasis", "haemorrhage", "infarct", "calcification", "oedema", "fibrosis")
ORGANS = ("liver", "left kidney", "right kidney", "spleen", "pancreas", "brain", "right lung", "left lung", "heart")
SIGNS = ("white arrow", "black arrow", "arrowhead", "asterisk", "circle")
PLACES = ("anterior margin", "posterior border", "upper pole", "lower third", "medial surface", "central region")


def exhibit(number: int, **changes: object) -> Exhibit:
    dice = random.Random(number)
    stem = (
        f"Which abnormality of the {dice.choice(ORGANS)} is marked by the {dice.choice(SIGNS)} at its "
        f"{dice.choice(PLACES)} in study {number * 7919 % 1000}, a patient aged {dice.randint(20, 90)}?"
    )
    options = tuple(dice.sample(FINDINGS, 5))
    given: dict[str, Any] = {
        "set_name": "s",
        "role": "train",
        "item_id": f"i{number}",
        "stem": stem,
        "options": options,
        "key": options[0],
    }
    return Exhibit(**(given | changes))


ITEMS = [exhibit(number) for number in range(300)]


def same(found: Iterable[Alike]) -> set[str]:
    return {name for one in found if one.measure in SAME_TEXT | SAME_STEM for name in set(one.left) & set(one.right)}


@pytest.mark.parametrize(
    ("change", "least"),
    [("shuffled", 0.99), ("recased", 0.99), ("one_word", 0.95), ("renumbered", 0.99), ("paraphrased", 0.9)],
)
def test_changed_items_are_found(change: str, least: float) -> None:
    copies = []
    for one in ITEMS:
        text = TEXT_CHANGES[change](Wording(one.stem, one.options, one.key), Dice(1, change, one.item_id))
        copies.append(one.model_copy(update={"stem": text.stem, "options": text.options, "key": text.key}))
    found = same(alike(list(map(known, ITEMS)), list(map(known, copies)), Rules()))
    assert len(found) >= least * len(ITEMS)


def test_the_order_of_the_items_makes_no_difference() -> None:
    def pairs(items: list[Exhibit]) -> set[tuple[str, str, str, float]]:
        found = alike(list(map(known, items)), list(map(known, reversed(items))), Rules())
        return {(a, b, one.measure, one.score) for one in found for a in one.left for b in one.right}

    assert pairs(ITEMS[:60]) == pairs(ITEMS[:60][::-1])


def test_empty_texts_match_nothing() -> None:
    empty = [known(exhibit(n, stem="", options=(), key="")) for n in range(3)]
    assert list(alike(empty, empty, Rules())) == []


def test_a_short_answer_alone_is_no_evidence() -> None:
    one = known(exhibit(1, stem="What is it?", options=("CT", "MRI"), key="CT"))
    other = known(exhibit(2, stem="Which scanner made this image?", options=("CT", "MRI"), key="CT"))
    assert list(alike([one], [other], Rules())) == []


def test_a_copied_passage_is_found_inside_a_longer_text() -> None:
    passage = "the arrow marks a round lesion with a thin wall and fluid inside at the upper pole"
    one = known(exhibit(1, stem=f"In this figure {passage}. What is the most likely diagnosis of this patient?"))
    other = known(
        exhibit(2, stem=f"A child had fever for weeks; {passage} and nothing else was seen. Which test is next?")
    )
    assert "run:stem" in {found.measure for found in alike([one], [other], Rules())}


def test_a_set_that_is_only_hashes_is_compared_by_hash_and_sketch() -> None:
    hidden = [known(blinded(one)) for one in ITEMS[:50]]
    found = list(alike(hidden, list(map(known, ITEMS[:50])), Rules()))
    assert same(found) == {one.item_id for one in ITEMS[:50]}
    assert {one.measure.partition(":")[0] for one in found} == {"exact", "minhash"}


def test_hashes_give_no_word_away() -> None:
    hidden = blinded(ITEMS[0]).model_dump_json()
    assert not any(word in hidden for word in (*FINDINGS, *SIGNS, *PLACES))

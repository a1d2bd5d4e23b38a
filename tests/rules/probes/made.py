"""Data sets made for the tests: clean ones, and ones with a planted shortcut."""

import random
from collections.abc import Callable

from medvlsynther.records import LETTERS, Item, Label
from medvlsynther.rules.lint._text import words_of
from medvlsynther.rules.probes import Row
from tests.rules.material import make_item

WORDS = words_of(
    "lung liver node mass cyst edema fibrosis necrosis hemorrhage fracture upper lower left right lobe artery vein "
    "duct nerve muscle wall margin diffuse focal acute chronic benign lesion nodule opacity effusion thickening"
)

Leak = Callable[[random.Random, list[str], int, str, int], None]
"""Changes the options of one item: chance, options, place of the key, stem, number of the item."""


def made(count: int, leak: Leak | None = None, *, options: int = 5, per_article: int = 2, seed: int = 1) -> list[Row]:
    """Rows of random words; the key is a random option and nothing tells which, but for the leak."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        texts = [" ".join(chance.sample(WORDS, chance.randint(1, 4))).capitalize() for _ in range(options)]
        place = chance.randrange(options)
        stem = f"Which {' '.join(chance.sample(WORDS, 2))} is seen in the {' '.join(chance.sample(WORDS, 2))} here?"
        if leak:
            leak(chance, texts, place, stem, number)
        caption = " ".join(chance.sample(WORDS, 12))
        rows.append(Row(named(stem, texts, place, number), f"PMC{number // per_article}", caption, label(number)))
    return rows


def named(stem: str, options: list[str], place: int, number: int) -> Item:
    """An item with an id of its own."""
    return make_item(stem, tuple(options), LETTERS[place]).model_copy(update={"item_id": f"i{number:06}"})


def label(number: int) -> Label:
    """A label that varies."""
    kinds = ("finding", "modality")
    return Label(item_id=f"i{number:06}", question_type=kinds[number % 2], modality="ct", anatomy="lung", by="lexicon")

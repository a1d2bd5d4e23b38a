"""Prompts whose token ids every trainer must meet, whatever its environment holds; the ids lie beside this file."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.export.material import Material, item, picture

KEPT = Path(__file__).with_name("same_tokens.json")
SIZES = ((56, 56), (112, 84), (400, 300))
COUNTS = (1, 2, 6)


def material(folder: Path) -> Material:
    """Three items with one, two and six images."""
    made = Material(folder)
    for number, count in enumerate(COUNTS):
        pictures = [picture(10 * number + n, *SIZES[n % len(SIZES)]) for n in range(count)]
        made.items.append(item(made.figure(number, pictures)))
    return made


def compare(instruction: str, ids: Callable[[int], list[int]]) -> None:
    """Fail where the ids of a row are not those that are kept; a new tokenizer or prompt card asks for new ones."""
    kept = json.loads(KEPT.read_text())[instruction]
    assert [ids(number) for number in range(len(COUNTS))] == kept

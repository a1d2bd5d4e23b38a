"""The Rubric card: what a card may say, and that it says what it is."""

from pathlib import Path

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Rubric
from medvlsynther.errors import BadSetting

CARD = """
description: d
criteria:
  - {id: one, title: One, category: essential, weight: 5, text: t}
"""


@pytest.mark.parametrize("name", catalog.names("rubrics"))
def test_every_bundled_rubric_asks_the_model_for_its_essentials(name: str) -> None:
    rubric = Rubric.load(name)
    essentials = [each for each in rubric.criteria if each.category == "essential"]
    assert len(essentials) == 7
    assert all(each.decided_by == "model" and each.weight == 5 for each in essentials)
    assert all(line.keys() == {"id", "title", "category", "weight", "text"} for line in rubric.lines)
    assert len({each.title for each in rubric.criteria}) == len(rubric.criteria)


def test_the_published_rubric_has_the_published_points() -> None:
    points = {each.title: each.possible for each in Rubric.load("medsynvqa").criteria}
    assert sum(weight for weight in points.values() if weight > 0) == 52
    assert sum(weight for weight in points.values() if weight < 0) == -7
    assert "Image–Text Consistency" in points


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CARD + "  - {id: one, title: Two, category: bonus, weight: 1, text: t}", "share an id"),
        (
            CARD + "  - {id: two, title: Two, category: bonus, weight: 1, text: t, decided_by: code}",
            "no code decides two",
        ),
        ("description: d\ncriteria: []", "criteria"),
        (CARD + "formula: guess", "formula"),
        (CARD + "  - {id: two, title: Two, category: fine, weight: 1, text: t}", "category"),
    ],
)
def test_a_card_that_cannot_be_weighed_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting, match=complaint):
        Rubric.load(str(path))

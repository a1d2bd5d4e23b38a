"""The prompt cards: static words first, no slot that its stage does not fill, material that does not vary."""

from typing import Any

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Model, Prompt
from medvlsynther.engines.base import Request, render

OPTIONS = {"A": "Pneumothorax", "B": "Atelectasis"}
ITEM: dict[str, Any] = {"question": "What is seen?", "options": OPTIONS, "answer": "A"}
TEXTS: dict[str, Any] = {"caption": "Chest radiograph {{ 7 * 7 }}", "mentions": ["Figure 1 shows it."]}
CRITERIA = [
    {"id": f"{category}_{n}", "title": f"Title {n}", "category": category, "weight": 1, "text": f"Text {n}."}
    for category in ("essential", "bonus", "penalty")
    for n in (1, 2)
]
SLOTS: dict[str, dict[str, Any]] = {
    "write": TEXTS | {"category": "ct", "figure_id": "x/f1", "panels": [], "letters": list("ABCDE"), "images": 2},
    "judge": TEXTS | ITEM | {"category": "", "criteria": CRITERIA},
    "label": ITEM | {"caption": "c", "question_types": ["finding"], "modalities": ["ct"], "anatomies": ["lung"]},
    "explain": ITEM | {"caption": "A secret caption"},
    "answer": {"question": ITEM["question"], "options": OPTIONS},
}
OURS = ("exam", "pmc-style", "referee-critic", "label", "explain", "answer")


@pytest.mark.parametrize("name", OURS)
def test_a_prompt_renders_from_the_slots_its_stage_fills(name: str) -> None:
    prompt = Prompt.load(name)
    words = render(Request("id", prompt, SLOTS[prompt.task]))
    whole = words.system + words.material + words.task
    assert "{%" not in whole
    assert "{{ 7 * 7 }}" in whole or prompt.task not in ("write", "judge")


@pytest.mark.parametrize("name", OURS)
def test_what_one_figure_changes_stands_after_the_static_words(name: str) -> None:
    prompt = Prompt.load(name)
    slots = SLOTS[prompt.task]
    other = {key: ("other" if isinstance(value, str) else value) for key, value in slots.items()}
    one, two = render(Request("id", prompt, slots)), render(Request("id", prompt, other))
    assert one.system == two.system


@pytest.mark.parametrize("name", ["explain", "answer"])
def test_thoughts_and_answers_are_asked_without_showing_caption_or_key(name: str) -> None:
    prompt = Prompt.load(name)
    words = render(Request("id", prompt, SLOTS[prompt.task]))
    assert "secret" not in words.system + words.material + words.task
    assert "Key" not in words.task


def test_the_verifier_is_shown_every_criterion_once_under_its_category() -> None:
    words = render(Request("id", Prompt.load("referee-critic"), SLOTS["judge"]))
    assert all(words.system.count(f"- {c['id']} ({c['title']}): {c['text']}") == 1 for c in CRITERIA)
    assert words.system.index("Essential:") < words.system.index("Bonus:") < words.system.index("Penalties:")


@pytest.mark.parametrize("name", catalog.names("models"))
def test_a_model_card_loads_and_names_where_it_comes_from(name: str) -> None:
    model = Model.load(name)
    assert model.engine != "openai" or model.source.startswith("https://")

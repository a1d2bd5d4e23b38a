"""Plots are well-formed, draw every score, and stay inside their frame."""

import lxml.etree
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.evaluation.plots import LEFT, RIGHT, WIDTH, Dot, forest, plots
from medvlsynther.rules.scoring.scores import Score
from tests.evaluation.material import scores

SVG = "{http://www.w3.org/2000/svg}"


def test_every_model_and_set_has_its_dot() -> None:
    made = plots(scores())
    assert set(made) == {"accuracy.svg", "differences.svg", "controls.svg"}
    root = lxml.etree.fromstring(made["accuracy.svg"].encode())
    assert len(root.findall(f"{SVG}circle")) == 2 * 4


@given(st.text(max_size=12), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_any_label_and_any_number_draws_inside_the_frame(label: str, numbers: list[float]) -> None:
    label = "".join(char for char in label if char.isprintable())
    low, value, high = sorted(numbers)
    score = Score(model="m", dataset="d", measure="x", value=value, low=low, high=high, n=1)
    root = lxml.etree.fromstring(forest("title", [Dot("head"), Dot(label, score)]).encode())
    (circle,) = root.findall(f"{SVG}circle")
    assert LEFT <= float(circle.get("cx", "")) <= WIDTH - RIGHT
    assert label in [text.text or "" for text in root.findall(f"{SVG}text")]


@given(st.integers(1, 300))
def test_a_label_of_any_length_has_room_and_a_cut_one_can_be_read_whole(length: int) -> None:
    label = "model-" * (length // 6) + "x" * (length % 6)
    root = lxml.etree.fromstring(forest("title", [Dot("head"), Dot(label)]).encode())
    text = root.findall(f"{SVG}text")[-1]
    title = text.find(f"{SVG}title")
    whole, shown = (text.text, text.text) if title is None else (title.text, title.tail)
    assert whole == label
    assert 5 * len(shown or "") < float(text.get("x", ""))
    assert float(root.get("width", "")) <= 20 + 7 * 80 + 560


def test_a_score_without_a_value_draws_nothing() -> None:
    empty = Score(model="m", dataset="d", measure="x", value=None, n=0)
    root = lxml.etree.fromstring(forest("title", [Dot("row", empty)]).encode())
    assert not root.findall(f"{SVG}circle")

"""Items that the lexical engine writes: defended by the caption, in the rules of item writing."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.rules.vocab import words
from tests.engines.lexical_engine import CAPTIONS, CORPUS, ask, failed, write, written


@settings(deadline=None)
@given(CAPTIONS, st.text(alphabet="ABCdef0123/.", min_size=1, max_size=12), st.integers(1, 6))
def test_what_it_writes_it_would_accept(caption: str, figure_id: str, images: int) -> None:
    item = write(caption, figure_id=figure_id, images=images)
    if "error" not in item:
        assert failed(item, caption) == set()


@settings(deadline=None)
@given(CAPTIONS, st.text(max_size=12))
def test_an_item_keeps_the_rules_of_item_writing(caption: str, figure_id: str) -> None:
    item = write(caption, figure_id=figure_id)
    if "error" in item:
        assert item == {"error": "insufficient_evidence"}
        return
    stem, key = item["question"], item["options"][item["answer"]]
    assert list(item["options"]) == list("ABCDE")
    assert len({text.lower() for text in item["options"].values()}) == 5
    assert stem.count("?") == 1
    assert stem.endswith("?")
    assert len(stem.split()) <= 25
    assert not {word for word in words(stem) if len(word) > 3} & set(words(key))
    assert not re.search(r"caption|legend|figure|panel|text|article|\bnot\b|\{|\}", stem, re.IGNORECASE)
    assert _longest_run(words(stem), words(caption)) <= 3
    for letter, text in item["options"].items():
        assert text[0].isupper()
        assert letter == item["answer"] or f" {text.lower()} " not in f" {' '.join(words(caption))} "


def _longest_run(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    runs = [
        n
        for n in range(1, len(one) + 1)
        for i in range(len(one) - n + 1)
        if f" {' '.join(one[i : i + n])} " in f" {' '.join(other)} "
    ]
    return max(runs, default=0)


@settings(deadline=None)
@given(CAPTIONS, st.text(max_size=12))
def test_the_same_request_has_the_same_reply(caption: str, figure_id: str) -> None:
    assert write(caption, figure_id=figure_id) == write(caption, figure_id=figure_id)


def test_the_key_is_anywhere_and_stems_vary() -> None:
    items = [write("Frontal chest radiograph. A large pneumothorax.", figure_id=f"a/{n}") for n in range(400)]
    places = Counter(item["answer"] for item in items)
    assert set(places) == set("ABCDE")
    assert max(places.values()) < 120
    assert len({item["question"] for item in items}) >= 10


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "Mean survival by treatment arm.",
        "Flowchart of the study.",
        "The patient two years later.",
        "No pneumothorax.",
        "Possible meningioma.",
        "A giraffe.",
        "Photograph of the recording system before it was deployed.",
        "Bar graph of the volume of the brain on MRI.",
        "Pneumonia severity index of patients with different vaccines.",
        "Western blot of glioblastoma cells.",
        "\x00\ud800 ￾",
    ],
)
def test_nothing_is_asked_where_nothing_is_stated(caption: str) -> None:
    assert write(caption) == {"error": "insufficient_evidence"}


def test_what_is_denied_doubted_or_in_one_panel_only_is_never_the_key() -> None:
    captions = (
        "Chest radiograph without pneumothorax.",
        "Chest radiograph. Suspected pneumothorax.",
        "Chest radiographs. (A) Pneumothorax. (B) Normal lung.",
    )
    for n in range(30):
        for caption in captions:
            item = write(caption, figure_id=f"p/{n}")
            assert item["options"][item["answer"]] in ("Plain radiography", "Chest"), item


def test_the_category_tells_the_modality_that_the_caption_leaves_out() -> None:
    slots = {"caption": "A pneumothorax on the left.", "mentions": [], "letters": list("ABCDE"), "images": 1}
    assert "error" in json.loads(ask("write", slots | {"category": ""}))
    item = json.loads(ask("write", slots | {"category": "x-ray radiography"}))
    assert item["options"][item["answer"]] == "Pneumothorax"
    assert "radiograph" in item["question"]


def test_what_every_panel_shows_can_be_asked() -> None:
    caption = "Chest CT images. (A) Pulmonary nodule before treatment. (B) Pulmonary nodule at one year."
    keys = {(item := write(caption, figure_id=f"p/{n}"))["options"][item["answer"]] for n in range(30)}
    assert "Pulmonary nodule" in keys


def test_no_sibling_that_the_mentions_name_becomes_an_option() -> None:
    caption, mention = (
        "Chest radiograph with a pneumothorax.",
        ("Pneumonia and emphysema were considered, MRI was not done.",),
    )
    for n in range(60):
        texts = set(write(caption, mention, figure_id=f"m/{n}")["options"].values())
        assert not texts & {"Pneumonia", "Emphysema", "Magnetic resonance imaging"}


def test_most_figures_of_the_miniature_corpus_carry_an_accepted_item() -> None:
    accepted = 0
    for item, caption, mentions in written():
        accepted += not failed(item, caption, mentions)
    assert accepted >= 0.9 * len(CORPUS) >= 30


@settings(deadline=None)
@given(CAPTIONS, st.text(max_size=12))
def test_no_option_holds_another(caption: str, figure_id: str) -> None:
    texts = [set(words(text)) for text in write(caption, figure_id=figure_id).get("options", {}).values()]
    assert not any(one < other for one in texts for other in texts)


def test_a_hyphen_never_shows_in_the_key_alone() -> None:
    for n in range(40):
        item = write("Electrocardiogram with ST-segment elevation.", figure_id=f"o/{n}")
        if "-" in item["options"][item["answer"]]:
            assert sum("-" in text for text in item["options"].values()) >= 2


def test_several_images_are_spoken_of_as_several() -> None:
    stems = {
        write("CT images of the head with a subdural hematoma.", figure_id=f"s/{n}", images=2)["question"]
        for n in range(80)
    }
    assert all("these " in stem.lower() for stem in stems)
    assert not any(re.search(r"was these|does these|these .*s is ", stem.lower()) for stem in stems)


def test_a_second_try_is_drawn_anew() -> None:
    slots = {"caption": "Chest CT image with a pneumothorax.", "mentions": [], "letters": list("ABCDE"), "faults": []}
    first = [json.loads(ask("write", slots, name=f"r/{n}")) for n in range(10)]
    again = [json.loads(ask("repair", slots, name=f"r/{n}")) for n in range(10)]
    assert first != again

"""Rules on what belongs to an item: images, licence, panels, weak labels, the caption, vocabularies."""

from itertools import permutations
from typing import Any

import pytest

from medvlsynther.records import Figure, GivenLabel, ImageRef, Licence, Panel, Term
from medvlsynther.rules.lint import readability
from medvlsynther.rules.vocab import Lexicon
from tests.rules.lint.finding import CAPTION, found
from tests.rules.material import make_figure


def _with_images(*images: ImageRef) -> Figure:
    return make_figure(CAPTION).model_copy(update={"images": images})


@pytest.mark.parametrize(
    ("width_px", "height_px", "expected"),
    [(27, 400, ["error", "warn"]), (28, 100, ["warn"]), (223, 500, ["warn"]), (300, 500, ["info"]), (336, 337, [])],
)
def test_a_small_image_is_graded_by_its_least_side(width_px: int, height_px: int, expected: list[str]) -> None:
    image = ImageRef(name="a.png", width_px=width_px, height_px=height_px)
    assert found("IMG1", figure=_with_images(image)) == expected


def test_a_missing_a_blank_and_a_seventh_image_are_errors() -> None:
    assert found("IMG1", figure=_with_images()) == ["error"]
    assert found("IMG1", figure=_with_images(ImageRef(name="a.png", notes=("blank",)))) == ["error"]
    assert found("IMG1", figure=_with_images(*[ImageRef(name=f"{n}.png") for n in range(7)])) == ["error"]
    assert found("IMG1", figure=_with_images(ImageRef(name="not yet prepared.png"))) == []


@pytest.mark.parametrize(
    ("standing", "expected"), [("allowed", []), ("refused", ["error"]), ("quarantined", ["quarantine"])]
)
def test_the_licence_is_judged_by_its_standing(standing: Any, expected: list[str]) -> None:
    licence = Licence(code="CC-BY-NC-4.0", standing=standing)
    assert found("LIC1", figure=make_figure(CAPTION, standing=licence)) == expected


def test_a_panel_may_be_named_where_the_figure_ships_it() -> None:
    two = make_figure(CAPTION, images=2)
    assert found("GRD1", "What is shown in image B?", figure=two) == []
    assert found("GRD1", "What is shown in image 2?", figure=two) == []
    assert found("GRD1", "What is shown in image C?", figure=two) == ["error"]
    labelled = two.model_copy(update={"panels": (Panel(label="c", start=0, end=4),)})
    assert found("GRD1", "What is shown in image C?", figure=labelled) == []


def test_weak_labels_soften_a_wrong_modality() -> None:
    stem = "What does this MRI show?"
    labels = (GivenLabel(name="magnetic resonance", source="corpus"),)
    assert found("GRD6", stem, figure=make_figure(CAPTION).model_copy(update={"labels": labels})) == ["warn"]
    assert found("GRD6", stem, mentions=("MRI was done as well.",)) == ["warn"]
    assert found("GRD6", stem, caption="A mass in the lung.") == []


NAMES = {
    "CT": "computed tomography",
    "MRI": "MR imaging",
    "ultrasound": "sonography",
    "radiograph": "x-ray",
    "endoscopy": "colonoscopy",
    "PET": "scintigraphy",
    "histology": "photomicrograph",
    "OCT": "optical coherence tomography",
}


@pytest.mark.parametrize(("said", "asked"), [*permutations(NAMES, 2), *((name, name) for name in NAMES)])
def test_any_two_modalities_are_told_apart_and_their_names_are_not(said: str, asked: str) -> None:
    notes = found("GRD6", f"What does this {NAMES[asked]} show?", caption=f"The {said} of the lung shows a mass.")
    assert bool(notes) is (said != asked and {said, asked} not in ({"CT", "PET"}, {"MRI", "PET"}))


def test_a_denied_distractor_supports_nothing() -> None:
    options = ("Nodule", "Effusion", "Cyst")
    assert found("GRD7", options=options, caption="CT shows a nodule without effusion.") == []
    assert found("GRD7", options=options, caption="CT shows a nodule and an effusion.") == ["warn"]


def test_a_vocabulary_adds_its_names() -> None:
    names = Lexicon([Term(name="cholesteatoma", aliases=("keratoma of the ear",))])
    options = ("Cholesteatoma", "Keratoma of the ear", "Cyst")
    assert found("SCH2", options=options) == []
    assert found("SCH2", options=options, vocabulary={"findings": names}) == ["warn"]
    stem = "A keratoma of the ear is shown. What is it?"
    assert found("LEAK2", stem, ("Cholesteatoma", "Cyst"), vocabulary={"findings": names}) == ["error"]
    parts = Lexicon([Term(name="heart", aliases=("left ventricle", "right ventricle"))])
    assert found("SCH2", options=("Left ventricle", "Right ventricle"), vocabulary={"anatomy": parts}) == []


def test_readability_counts_words_sentences_and_grade() -> None:
    easy, hard = (
        readability("What is shown? A cat."),
        readability("Histopathological characterization necessitates it."),
    )
    assert (easy.words, easy.sentences) == (5, 2)
    assert easy.grade < 5 < hard.grade
    assert readability("").grade == 0


def test_hard_words_are_reported() -> None:
    stem = "Immunohistochemically heterogeneous adenocarcinomatous proliferation characteristics differentiation?"
    assert found("TXT1", stem) == ["info"]
    assert found("TXT1") == []

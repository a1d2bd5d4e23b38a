"""Kinds of figures: labels decide between clinical kinds, either side turns away, silence has its own reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Vocabulary
from medvlsynther.errors import InputError
from medvlsynther.records import ArticleRef, Figure, GivenLabel, ImageRef, Licence
from medvlsynther.rules.classify import Classifier

CLASSIFIER = Classifier(Vocabulary.load("categories").terms)
ARTICLE = ArticleRef(article_id="PMC1", licence=Licence(code="CC-BY-4.0", standing="allowed"))


def figure(caption: str, *labels: str, mentions: tuple[str, ...] = ()) -> Figure:
    return Figure(
        figure_id="PMC1/f1",
        article=ARTICLE,
        caption=caption,
        mentions=mentions,
        images=(ImageRef(name="f1.jpg"),),
        labels=tuple(GivenLabel(name=name, source="biomedica.image_secondary_label") for name in labels),
    )


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("Axial contrast-enhanced CT of the abdomen shows a mass in the liver.", "computerized tomography"),
        ("Posteroanterior chest radiograph with a right pleural effusion.", "x-ray radiography"),
        ("T2-weighted MRI. Hyperintense lesion in the left temporal lobe.", "magnetic resonance"),
        ("Photomicrograph of the resected tumour (hematoxylin and eosin, x200).", "light microscopy"),
        ("Transthoracic echocardiogram in the apical view.", "ultrasound"),
        ("Fundus photograph of the right eye.", "eye"),
        ("Bitewing of a molar.", "teeth"),
    ],
)
def test_the_caption_names_the_kind(caption: str, kind: str) -> None:
    assert CLASSIFIER.category(figure(caption)) == kind


@pytest.mark.parametrize(
    "caption",
    [
        "Kaplan-Meier survival curves of patients with CT-proven disease.",
        "Flowchart of the study.",
        "Western blot of lysates. Beta-actin served as loading control.",
        "Schematic diagram of the MRI protocol.",
        "Serum levels in both groups, mean ± SD, P < 0.05.",
    ],
)
def test_what_is_no_clinical_image_is_turned_away(caption: str) -> None:
    with pytest.raises(InputError, match="not_clinical"):
        CLASSIFIER.category(figure(caption))


def test_a_label_decides_between_clinical_kinds() -> None:
    assert CLASSIFIER.category(figure("CT and MRI of the patient.", "magnetic resonance")) == "magnetic resonance"
    assert CLASSIFIER.category(figure("Findings on admission.", "brain", "functional magnetic resonance")) == (
        "functional magnetic resonance"
    )


def test_a_general_label_yields_to_a_caption_that_says_more() -> None:
    assert CLASSIFIER.category(figure("Axial CT at the level of the ventricles.", "brain")) == "computerized tomography"
    assert CLASSIFIER.category(figure("The lesion is marked.", "brain")) == "brain"


def test_either_side_turns_away() -> None:
    for odd in (figure("CT of the chest.", "Plots and Charts"), figure("Bar chart of the results.", "brain")):
        with pytest.raises(InputError, match="not_clinical"):
            CLASSIFIER.category(odd)


def test_what_the_caption_denies_does_not_count() -> None:
    assert CLASSIFIER.category(figure("Chest radiograph. No CT was performed. CT was not done.")) == "x-ray radiography"


def test_running_text_is_asked_last() -> None:
    said = ("Computed tomography showed a mass (Fig. 1).", "The survival curve is given in Fig. 2.")
    assert CLASSIFIER.category(figure("Findings at presentation.", mentions=said)) == "computerized tomography"


def test_a_part_of_the_body_is_no_kind_of_image() -> None:
    with pytest.raises(InputError, match="unknown_kind"):
        CLASSIFIER.category(figure("Eyes and teeth of the larva.", mentions=("The brain is small (Fig. 1).",)))


def test_silence_has_a_reason() -> None:
    with pytest.raises(InputError, match="unknown_kind"):
        CLASSIFIER.category(figure("Findings at presentation.", "no such label"))


def test_every_published_kind_is_known_by_its_label() -> None:
    clinical = [term for term in Vocabulary.load("categories").terms if "not_clinical" not in term.tags]
    assert len(clinical) == 24
    for term in clinical:
        assert CLASSIFIER.category(figure("Findings.", term.name.title())) == term.name


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_gives_a_kind_or_a_reason(caption: str, labels: list[str]) -> None:
    try:
        found = CLASSIFIER.category(figure(caption, *labels))
    except InputError as error:
        found = error.reason
    assert found

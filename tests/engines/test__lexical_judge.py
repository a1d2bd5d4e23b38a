"""The lexical engine as a verifier: planted defects do not pass."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.lexical_engine import CAPTION, CAPTIONS, SOUND, TITLES, ask, failed, write

ESSENTIAL = set(TITLES[:7])


def planted(question: str | None = None, answer: str = "B", **options: str) -> dict[str, Any]:
    return {"question": question or SOUND["question"], "options": SOUND["options"] | options, "answer": answer}


def test_a_sound_item_has_every_mark() -> None:
    assert failed(SOUND, CAPTION) == set()


@pytest.mark.parametrize(
    ("item", "criterion"),
    [
        (planted(answer="A"), "Image–Text Consistency"),
        (planted(answer="A"), "Clinical Validity"),
        (planted(answer="A"), "Single Correct Option"),
        (planted(A="Subdural haemorrhage"), "Single Correct Option"),
        (planted(A="Subdural haemorrhage"), "Multiple Keys"),
        (planted(A="SDH"), "Multiple Keys"),
        (planted(A="Subdural hematoma"), "Multiple Keys"),
        (planted("Which hematoma is demonstrated in this CT image?"), "Diagnosis Leak"),
        (planted("Which finding, a subdural collection, is shown in this CT image?"), "Diagnosis Leak"),
        (planted(A="Liver"), "Option Type Consistency"),
        (planted(A="Computed tomography"), "Option Type Consistency"),
        (planted(A="Pneumothorax"), "Option Type Consistency"),
        (planted(A="Wrong"), "Option Type Consistency"),
        (planted(A="Pneumothorax"), "Plausible Distractors"),
        (planted(A="Epidural hematoma"), "Plausible Distractors"),
        (planted(A="Demyelinating plaques"), "Plausible Distractors"),
        (planted("According to the caption, which finding is shown in this CT image?"), "Stem Self-contained"),
        (planted("Which finding is shown in panel A?"), "Stem Self-contained"),
        (planted("Which finding does the arrow show?"), "Stem Self-contained"),
        (planted("Which finding is described in the article?"), "Forbidden Terms"),
        (planted(E="None of the above"), "Forbidden Terms"),
        (planted("Which finding is seen on this MR image?"), "Vocabulary Constraint"),
        (planted("Which imaging modality was used?"), "Image–Text Consistency"),
        (planted(answer="F"), "Answer Field Validity"),
        (planted(answer=""), "Answer Field Validity"),
        (planted(A=" "), "JSON Schema Compliance"),
        (planted(G="Colloid cyst"), "JSON Schema Compliance"),
        (planted("Which finding is not shown in this CT image?"), "Clarity and Focus"),
        (planted("Name the finding."), "Clarity and Focus"),
        (planted("Which finding is seen? " + "It was long. " * 12), "Stem Concision"),
        (planted(A="hydrocephalus"), "Parallel Options"),
        (planted(A="Hydrocephalus of both of the lateral ventricles and the third"), "Parallel Options"),
    ],
)
def test_a_planted_defect_fails_its_criterion(item: dict[str, Any], criterion: str) -> None:
    assert criterion in failed(item, CAPTION)


@pytest.mark.parametrize(
    "caption",
    [
        "Axial CT image of the head without subdural hematoma.",
        "Axial CT image of the head. A subdural hematoma was suspected.",
        "Axial CT image of the head with a subdural hematoma and hydrocephalus.",
        "Axial MR image of the knee.",
        "",
    ],
)
def test_the_same_item_beside_another_caption_is_not_accepted(caption: str) -> None:
    assert failed(SOUND, caption) & ESSENTIAL


def test_a_mention_that_denies_the_key_takes_it_back() -> None:
    assert "Clinical Validity" in failed(SOUND, CAPTION, ("At review there was no subdural hematoma.",))


@settings(deadline=None)
@given(CAPTIONS, st.integers(0, 30))
def test_a_wrong_key_never_passes(caption: str, n: int) -> None:
    item = write(caption, figure_id=f"w/{n}")
    if "error" in item:
        return
    for letter in set("ABCDE") - {item["answer"]}:
        assert failed(item | {"answer": letter}, caption) >= {"Single Correct Option", "Image–Text Consistency"}


def test_criteria_are_known_by_title_or_id_whatever_the_dash() -> None:
    criteria = [
        {"id": "image_text_consistency", "title": "Image-Text consistency"},
        {"id": "stem_concision", "title": ""},
    ]
    marks = json.loads(ask("judge", SOUND | {"caption": CAPTION, "criteria": criteria}))
    assert all(mark["pass"] for mark in marks.values())


def test_what_no_proxy_decides_is_withheld() -> None:
    criteria = [{"id": "elegance", "title": "Elegance"}]
    marks = json.loads(ask("judge", SOUND | {"caption": CAPTION, "criteria": criteria}))
    assert marks == {"elegance": {"note": "not decidable without a model", "pass": False}}


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDEFG"), st.text(max_size=30), max_size=6),
    st.text(max_size=80),
    st.text(max_size=200),
    st.text(max_size=2),
)
def test_any_item_is_judged_labelled_and_explained(
    options: dict[str, str], question: str, caption: str, answer: str
) -> None:
    item = {"question": question, "options": options, "answer": answer}
    failed(item, caption)
    ask("label", item | {"caption": caption})
    ask("explain", item | {"caption": caption})

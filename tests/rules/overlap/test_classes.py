"""What a pair is, given what was found."""

import pytest

from medvlsynther.rules.overlap.classes import FLAGGED, KINDS, Findings, kind_of

NOTHING = Findings(
    same_image=False,
    same_article=False,
    same_text=False,
    same_stem=False,
    same_key=False,
    images_compared=True,
    imageless=False,
)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"same_image": True, "same_text": True, "same_key": True}, "identical_item"),
        ({"same_image": True, "same_stem": True, "same_key": True}, "identical_item"),
        ({"same_image": True, "same_key": True}, "same_image_same_fact"),
        ({"same_image": True, "same_text": True}, "same_image_other_fact"),
        ({"same_image": True}, "same_image_other_fact"),
        ({"same_text": True, "same_key": True, "imageless": True}, "identical_item"),
        ({"same_text": True, "same_key": True, "images_compared": False}, "unresolved"),
        ({"same_text": True, "same_key": True}, "template_only"),
        ({"same_stem": True}, "template_only"),
        ({"same_article": True}, "same_article"),
        ({"same_article": True, "same_image": True}, "same_image_other_fact"),
    ],
)
def test_the_class_of_a_pair(changes: dict[str, bool], kind: str) -> None:
    assert kind_of(NOTHING._replace(**changes)) == kind


def test_the_same_image_always_speaks_against_an_item() -> None:
    for same_text in (False, True):
        for same_key in (False, True):
            found = NOTHING._replace(same_image=True, same_text=same_text, same_key=same_key)
            assert kind_of(found) in FLAGGED


def test_flagged_classes_are_classes() -> None:
    assert set(FLAGGED) <= set(KINDS)

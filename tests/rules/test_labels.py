"""Labels come from closed lists: a kind of a thing is the thing, and an unknown word is "other"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Vocabulary
from medvlsynther.errors import ReplyError
from medvlsynther.rules.labels import OTHER, Lists, canonical_name, label_schema, read_label, top_names

LISTS = Lists(*(Vocabulary.load(name).terms for name in ("question_types", "modality", "anatomy")))


@given(st.dictionaries(st.sampled_from(LISTS._fields), st.text(), min_size=3))
def test_whatever_a_model_says_is_a_name_of_the_list_or_other(words: dict[str, str]) -> None:
    read = read_label(json.dumps(words), LISTS)
    for field, terms in LISTS._asdict().items():
        assert read[field] in (*top_names(field, terms), OTHER)


def test_the_schema_offers_what_is_read() -> None:
    for field, part in label_schema(LISTS)["properties"].items():
        terms = getattr(LISTS, field)
        for name in part["enum"]:
            assert canonical_name(field, name, terms) == name


def test_aliases_and_kinds_lead_to_one_name() -> None:
    assert canonical_name("modality", "CT angiography", LISTS.modality) == canonical_name(
        "modality", "Computed tomography", LISTS.modality
    )
    assert canonical_name("modality", "a guess", LISTS.modality) == OTHER


@pytest.mark.parametrize("reply", ["{}", '{"question_type": 1, "modality": "ct", "anatomy": "lung"}', "no", ""])
def test_a_reply_without_labels_is_refused(reply: str) -> None:
    with pytest.raises(ReplyError):
        read_label(reply, LISTS)

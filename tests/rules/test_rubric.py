"""Rubrics: three forms of reply, three formulas, and no mark that was not given."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Rubric
from medvlsynther.errors import ReplyError
from medvlsynther.records import Item, Mark, Origin, Verdict
from medvlsynther.rules.released_rubric import released_weigh
from medvlsynther.rules.rubric import Criterion, level_title, read_marks, reply_schema

PUBLISHED, AUDITED = Rubric.load("medsynvqa"), Rubric.load("audited")
STRICT = PUBLISHED.model_copy(update={"formula": "strict"})
PAPER = PUBLISHED.model_copy(update={"formula": "paper"})
ESSENTIALS = [each.title for each in PUBLISHED.criteria if each.category == "essential"]
KINDS = {"essential": "Essential", "bonus": "Important", "penalty": "Pitfall"}
ORIGIN = Origin(prompt="p", prompt_hash="0", model="m", model_hash="1")
ITEM = Item(
    item_id="i", figure_id="f", question="Which organ is shown?", options=("Lung", "Liver"), answer="A", origin=ORIGIN
)


def entry(criterion: Criterion, passed: bool = True, **changes: Any) -> dict[str, Any]:
    """One item of a published list."""
    penalty = criterion.category == "penalty"
    weight = int(criterion.possible)
    score = (0 if passed else weight) if penalty else (weight if passed else 0)
    return {
        "title": criterion.title,
        "category": KINDS[criterion.category],
        "weight": weight,
        "score": score,
        **changes,
    }


def listed(failing: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    return [entry(each, each.id not in failing) for each in PUBLISHED.criteria]


def weighed(rubric: Rubric, reply: object, item: Item = ITEM) -> Verdict:
    return rubric.weigh(item, rubric.read(json.dumps(reply)), ORIGIN)


def reason(rubric: Rubric, reply: object) -> str:
    with pytest.raises(ReplyError) as caught:
        rubric.read(reply if isinstance(reply, str) else json.dumps(reply))
    return caught.value.reason


IDS = [each.id for each in PUBLISHED.criteria]
SUBSETS = st.frozensets(st.sampled_from(IDS))


@given(SUBSETS)
def test_every_form_of_reply_gives_the_same_marks(failing: frozenset[str]) -> None:
    keyed = {each: {"note": "", "pass": each not in failing} for each in IDS}
    bare = {each: each not in failing for each in IDS}
    by_title = {each.title: each.id not in failing for each in PUBLISHED.criteria}
    marks = [STRICT.read(json.dumps(reply)) for reply in (keyed, bare, by_title, {"rubric": listed(failing)})]
    assert marks[0] == marks[1] == marks[2] == marks[3]
    assert {mark.criterion for mark in marks[0] if not mark.passed} == failing


@given(SUBSETS)
def test_an_item_passes_exactly_when_all_essentials_do(failing: frozenset[str]) -> None:
    essentials = {each.id for each in PUBLISHED.criteria if each.category == "essential"}
    for rubric in (PUBLISHED, PAPER, STRICT):
        verdict = weighed(rubric, {"rubric": listed(failing)})
        assert verdict.passed == (not failing & essentials)
        assert set(verdict.failed) == failing
        assert [mark.criterion for mark in verdict.marks] == IDS
        assert verdict.score is None or 0 <= verdict.score <= 1


@given(SUBSETS, st.sampled_from(IDS))
def test_leaving_a_mark_out_never_raises_a_strict_score(failing: frozenset[str], left_out: str) -> None:
    reply = {each: each not in failing for each in IDS}
    whole = weighed(STRICT, reply)
    del reply[left_out]
    less = weighed(STRICT, reply) if reply else whole
    missing = next(mark for mark in less.marks if mark.criterion == left_out)
    assert (missing.passed, missing.by) == (False, "missing")
    lost = next(mark.score for mark in whole.marks if mark.criterion == left_out)
    assert (less.score or 0) <= (whole.score or 0) or lost < 0
    assert not less.passed or "essential" not in {each.category for each in PUBLISHED.criteria if each.id == left_out}


def test_the_scores_are_those_of_the_published_table() -> None:
    perfect = weighed(PUBLISHED, {"rubric": listed()})
    lost = weighed(PUBLISHED, {"rubric": listed(frozenset(["stem_concision"]))})
    drift = {"rubric": listed(frozenset(["synonym_drift"]))}
    assert perfect.score == weighed(PAPER, {"rubric": listed()}).score == 1.0
    assert round(lost.score or 0, 4) == 0.9615
    assert round(weighed(PAPER, {"rubric": listed(frozenset(["stem_concision"]))}).score or 0, 4) == 0.8824
    assert round(weighed(PUBLISHED, drift).score or 0, 4) == 0.9808
    assert round(weighed(PAPER, drift).score or 0, 4) == 0.9412
    one_bonus = {"rubric": [each for each in listed() if each["weight"] in (4, 5)]}
    assert weighed(PAPER, one_bonus).score == 1.0
    assert weighed(STRICT, one_bonus).score == pytest.approx(39 / 52)


@pytest.mark.parametrize("score", [-2, 2, 1, "-2", 0.5])
def test_a_triggered_penalty_counts_whatever_its_sign(score: object) -> None:
    items = [entry(each, score=score) if each.id == "multiple_keys" else entry(each) for each in PUBLISHED.criteria]
    assert weighed(STRICT, {"rubric": items}).score == pytest.approx(50 / 52)


@pytest.mark.parametrize(
    "title",
    [
        "Image-Text Consistency",
        "image—text consistency",
        "Image Text Consistency",
        "7) Image–Text Consistency",
        "E7. Image‑Text Consistency",
        "**Image – Text Consistency**",
        "Image–Text Consistency:",
        "  Image\u00a0Text Consistency.",
        "image_text_consistency",
        "(7) Image-Text Consistency",
        "vii. Image–Text Consistency",
        "`Image–Text Consistency`",
    ],
)
def test_spellings_of_a_title_are_the_title(title: str) -> None:
    items = [entry(each, title=title) if each.title == ESSENTIALS[-1] else entry(each) for each in PUBLISHED.criteria]
    assert weighed(STRICT, {"rubric": items}).passed
    assert not weighed(PUBLISHED, {"rubric": items}).passed


@pytest.mark.parametrize(
    "title", ["Image Consistency", "Text–Image Consistency", "", None, 7, {"a": 1}, ["Image–Text Consistency"]]
)
def test_another_title_is_another_criterion(title: object) -> None:
    items = [entry(each, title=title) if each.title == ESSENTIALS[-1] else entry(each) for each in PUBLISHED.criteria]
    assert weighed(STRICT, {"rubric": items}).failed == ("image_text_consistency",)


@pytest.mark.parametrize("score", ["5/5", "five", "NaN", None, [5], {"v": 5}, True, "", 4, 2.5, 0, -5, "0|5"])
def test_a_score_that_is_not_full_marks_awards_nothing(score: object) -> None:
    items = [entry(each, score=score) if each.id == "clinical_validity" else entry(each) for each in PUBLISHED.criteria]
    assert weighed(STRICT, {"rubric": items}).failed == ("clinical_validity",)


@pytest.mark.parametrize("score", [5, 5.0, "5", " 5 ", "+5", "05", "5.0"])
def test_full_marks_are_full_marks_however_they_are_written(score: object) -> None:
    items = [entry(each, score=score) if each.id == "clinical_validity" else entry(each) for each in PUBLISHED.criteria]
    assert weighed(STRICT, {"rubric": items}).passed


def test_of_two_marks_for_one_criterion_both_have_to_pass() -> None:
    again = entry(PUBLISHED.criteria[0], passed=False)
    assert not weighed(STRICT, {"rubric": [*listed(), again]}).passed
    assert not weighed(STRICT, {"rubric": [again, *listed()]}).passed
    assert weighed(STRICT, {"rubric": [*listed(), entry(PUBLISHED.criteria[0])]}).passed


def test_points_come_from_the_card_and_not_from_the_reply() -> None:
    items = [entry(each, weight=1, score=1) if each.category == "bonus" else entry(each) for each in PUBLISHED.criteria]
    assert (
        weighed(
            STRICT, {"rubric": [*items, {"title": "Image Quality", "category": "Optional", "weight": 9, "score": 0}]}
        ).score
        == 1.0
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"error": "insufficient_evidence"}, "insufficient_evidence"),
        ({"error": "no"}, "refused"),
        ({"clinical_validity": True, "charm": True}, "unknown_criterion"),
        ({"Clinical Validity": True, "clinical_validity": True}, "unknown_criterion"),
        ({"rubric": [{"title": "Charm", "weight": 5, "score": 5}]}, "unknown_criterion"),
        ({"rubric": []}, "bad_schema"),
        ({"rubric": ["Essential: 5/5"]}, "bad_schema"),
        ({"rubric": "fine"}, "bad_schema"),
        ({}, "bad_schema"),
        ("[1, 2]", "no_json"),
        ('{"rubric": [{"title": "Clinical Validity", "weight": 5, "score": NaN}]}', "not_finite"),
        ('{"clinical_validity": true, "stem', "truncated"),
        ("", "empty"),
    ],
)
def test_a_reply_that_is_no_judgement_is_refused(reply: object, expected: str) -> None:
    assert reason(STRICT, reply) == expected


@pytest.mark.parametrize("value", ["5/5", 5, None, [], {}, {"pass": "maybe"}, {"note": "x"}, float("nan")])
def test_a_keyed_mark_that_cannot_be_read_is_missing(value: object) -> None:
    reply = json.dumps({each: value if each == IDS[0] else True for each in IDS})
    if value != value:
        assert reason(STRICT, reply) == "not_finite"
        return
    first, *others = STRICT.read(reply)
    assert (first.passed, first.by) == (False, "missing")
    assert all(mark.passed for mark in others)


NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, -1, -2, -5, 5.9, "5", " 5 ", "5.0", "five", None, True, [5], "5/5"])
TITLES = st.sampled_from(
    [*(each.title for each in PUBLISHED.criteria), *(title.upper() for title in ESSENTIALS), "Other", 12, None]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "title": TITLES,
            "category": st.sampled_from(["Essential", "Important", "Pitfall", " pitfall ", "Penalty", None]),
            "weight": NUMBERS,
            "score": NUMBERS,
        },
    ),
    min_size=1,
    max_size=9,
)


@given(ROWS)
def test_the_published_card_weighs_any_list_as_the_published_code(items: list[dict[str, Any]]) -> None:
    published = released_weigh({"rubric": items}, ESSENTIALS)
    verdict = weighed(PUBLISHED, {"rubric": items})
    assert (verdict.passed, verdict.score) == (published.passed, published.normalized)


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, set()),
        ({"question": "What does the caption say?"}, {"forbidden_terms"}),
        ({"question": "One. Two. Three?"}, {"stem_concision"}),
        ({"question": "word " * 36}, {"stem_concision"}),
        ({"question": " "}, {"json_schema_compliance"}),
        ({"options": ("Lung", "")}, {"json_schema_compliance"}),
        ({"options": ("Lung", "the lung")}, {"answer_field_validity", "parallel_options"}),
        ({"options": ("Lung", "Liver.")}, {"parallel_options"}),
        ({"options": ("Lung", "The largest of the organs below the right dome")}, {"parallel_options"}),
        ({"answer": "C"}, {"answer_field_validity"}),
        ({"answer": "AB"}, {"answer_field_validity"}),
    ],
)
def test_code_decides_what_code_can(change: dict[str, Any], failed: set[str]) -> None:
    reply = {each.id: True for each in AUDITED.criteria if each.decided_by == "model"}
    verdict = weighed(AUDITED, reply, ITEM.model_copy(update=change))
    assert set(verdict.failed) == failed
    assert {mark.by for mark in verdict.marks} == {"code", "model"}
    assert verdict.passed


def test_the_model_is_not_asked_what_code_decides() -> None:
    by_code = {each.id for each in AUDITED.criteria if each.decided_by == "code"}
    assert by_code
    assert not by_code & {line["id"] for line in AUDITED.lines}
    assert set(AUDITED.schema()["required"]) == {line["id"] for line in AUDITED.lines}
    assert (
        reason(AUDITED, {**{line["id"]: True for line in AUDITED.lines}, "forbidden_terms": True})
        == "unknown_criterion"
    )


@pytest.mark.parametrize("form", ["keyed", "bare", "list"])
def test_the_schema_of_a_form_is_closed(form: Any) -> None:
    schema = reply_schema(AUDITED.criteria, form)
    assert schema["additionalProperties"] is False
    text = json.dumps(schema)
    assert not any(word in text for word in ("maxLength", "minItems", "anyOf", "$ref"))


@given(st.text(max_size=40))
def test_any_title_can_be_levelled(title: str) -> None:
    assert level_title(level_title(title)) == level_title(level_title(level_title(title)))


@given(
    st.dictionaries(
        st.sampled_from([*IDS, "rubric", "error", "x"]),
        st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    )
)
def test_any_object_gives_marks_or_a_reason(reply: dict[str, Any]) -> None:
    for formula in ("strict", "released", "paper"):
        try:
            marks = read_marks(json.dumps(reply), PUBLISHED.criteria, formula=formula)
        except ReplyError:
            continue
        assert all(isinstance(mark, Mark) for mark in marks)

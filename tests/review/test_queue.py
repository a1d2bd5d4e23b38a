"""Queues: everybody's share, all strata first, disagreements before the rest, and the same order every time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting
from medvlsynther.records import Decision
from medvlsynther.review.queue import Filter, Plan, queue
from medvlsynther.review.shelf import BANDS, Entry

RATERS = ("ada", "grace", "rosalind")

scores = st.one_of(st.none(), st.floats(-1, 1))
kinds = st.tuples(st.sampled_from(["finding", "modality"]), st.sampled_from(["ct", "mri"]), st.just("lung"))
rows: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.builds(
        dict, score=scores, kind=kinds, split=st.booleans(), passed=st.sampled_from([None, True, False]),
        reject=st.sampled_from(["", "filter: low_score"]),
    ),
    max_size=40,
)  # fmt: skip


def entries(given_rows: list[dict[str, object]]) -> list[Entry]:
    return [
        Entry(item_id=f"i{n}", place=0, row=n, figure=None, search=f"i{n} stem", **row)  # type: ignore[arg-type]
        for n, row in enumerate(given_rows)
    ]


def plain(count: int) -> list[Entry]:
    return entries([{} for _ in range(count)])


@pytest.mark.parametrize("overlap", [0.0, 0.2, 1.0])
def test_the_share_that_all_see_and_one_reviewer_for_each_other_item(overlap: float) -> None:
    count = 4000
    plan = Plan(RATERS, overlap)
    seen = Counter(place for rater in RATERS for place in queue(plain(count), plan, rater, Filter()))
    assert set(seen) == set(range(count))
    assert set(seen.values()) <= {1, len(RATERS)}
    shared = sum(times == len(RATERS) for times in seen.values())
    assert shared == pytest.approx(overlap * count, abs=3.5 * (count * 0.16) ** 0.5)
    loads = [len(queue(plain(count), plan, rater, Filter())) for rater in RATERS]
    assert max(loads) - min(loads) < 0.1 * count
    assert len(queue(plain(count), plan, "a guest", Filter())) == shared


@given(rows)
def test_a_queue_holds_what_the_filter_takes_once_each(given_rows: list[dict[str, object]]) -> None:
    made = entries(given_rows)
    for wanted in (Filter(), Filter(status=""), Filter(status="rejected"), Filter(type="finding", order="in order")):
        found = queue(made, Plan(), "ada", wanted)
        assert sorted(found) == [place for place, entry in enumerate(made) if wanted.takes(entry)]


@given(rows)
def test_the_first_items_show_all_strata(given_rows: list[dict[str, object]]) -> None:
    made = entries(given_rows)
    places = queue(made, Plan(), "ada", Filter(status=""))
    strata = [(*made[place].kind[:2], made[place].band) for place in places]
    assert len(set(strata[: len(set(strata))])) == len(set(strata))


@given(rows, st.sampled_from(["ada", "grace"]))
def test_whoever_comes_back_finds_the_same_order(given_rows: list[dict[str, object]], rater: str) -> None:
    plan = Plan(("ada", "grace"), 0.5)
    assert queue(entries(given_rows), plan, rater, Filter()) == queue(entries(given_rows), plan, rater, Filter())


def said(rater: str, item_id: str, word: str, correct: bool | None = None) -> Decision:
    return Decision.model_validate(
        {"item_id": item_id, "rater": rater, "decision": word, "seen": "s", "correct": correct}
    )


def test_disagreements_come_first_the_gravest_before_the_others() -> None:
    made = plain(30)
    made[4].passed = True
    made[9].split = True
    decisions = [
        said("grace", "i20", "accept"), said("rosalind", "i20", "reject"),
        said("grace", "i4", "reject"),
        said("grace", "i7", "accept", correct=False),
    ]  # fmt: skip
    found = queue(made, Plan(), "ada", Filter(order="disagreements"), decisions)
    assert found[:4] == [20, 4, 9, 7]
    assert sorted(found) == list(range(30))


def test_ones_own_word_is_no_disagreement() -> None:
    made = plain(30)
    made[4].passed = True
    wanted = Filter(order="disagreements")
    own = [said("ada", "i4", "reject")]
    assert queue(made, Plan(), "ada", wanted, own) == queue(made, Plan(), "ada", Filter())
    assert queue(made, Plan(), "grace", wanted, own)[0] == 4


def test_who_searches_finds_others_items_too() -> None:
    made = plain(50)
    plan = Plan(("ada", "grace"), 0.0)
    theirs = next(place for place in range(50) if place not in queue(made, plan, "ada", Filter()))
    assert queue(made, plan, "ada", Filter(search=f"I{theirs} STEM")) == [theirs]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(BadSetting):
        Plan(RATERS, share)


@given(st.floats(allow_nan=False))
def test_every_score_has_its_band(score: float) -> None:
    (entry,) = entries([{"score": score}])
    assert entry.band in {name for _, name in BANDS}

"""Accuracy: fixed denominators, unbiased pass@k, a majority without the unparsed, and published metrics exactly."""

import json
from itertools import combinations
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.records import Overlap
from medvlsynther.rules.scoring.accuracy import majority_right, pass_at
from medvlsynther.rules.scoring.outcomes import Outcome
from medvlsynther.rules.scoring.report import flagged_questions, score
from medvlsynther.rules.scoring.scores import Score
from tests.rules.scoring.material import grade, grades, question


def by_name(scores: list[Score], measure: str, group: str = "") -> dict[str, Score]:
    return {s.dataset: s for s in scores if (s.measure, s.group) == (measure, group)}


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(replies: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, replies))
    k = data.draw(st.integers(1, replies))
    drawn = list(combinations([True] * right + [False] * (replies - right), k))
    assert pass_at(k, replies, right) == pytest.approx(sum(map(any, drawn)) / comb(replies, k))


def test_replies_without_a_letter_do_not_vote() -> None:
    asked = question(0)
    outcome = Outcome(asked, 0, {}, [grade(asked, letter) for letter in (None, None, None, "A", "A", "B")])
    assert majority_right(outcome)
    assert not majority_right(Outcome(asked, 0, {}, [grade(asked, None)]))
    assert not majority_right(Outcome(asked, 0, {}, [grade(asked, "B"), grade(asked, "A")]))


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=30), min_size=1, max_size=4))
def test_averages_count_sets_or_questions_alike_and_intervals_hold_their_value(right: list[list[bool]]) -> None:
    asked = [[question(n, f"s{place}") for n in range(len(each))] for place, each in enumerate(right)]
    found = [
        one
        for group, each in zip(asked, right, strict=True)
        for one in grades(group, ["A" if r else "B" for r in each])
    ]
    scores = list(score([q for group in asked for q in group], found))
    accuracy = by_name(scores, "accuracy")
    shares = [sum(each) / len(each) for each in right]
    assert accuracy["macro"].value == pytest.approx(sum(shares) / len(shares))
    assert accuracy["items"].value == pytest.approx(sum(map(sum, right)) / sum(map(len, right)))
    for one in accuracy.values():
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.value + 1e-9
        assert one.value - 1e-9 <= one.high <= 1


def test_every_reason_is_counted() -> None:
    asked = [question(n) for n in range(5)]
    found = [
        grade(asked[0], "A"),
        grade(asked[1], None, reason="refused"),
        grade(asked[2], None, reason="truncated", cut=True),
        grade(asked[3], "B", cut=True),
    ]
    scores = list(score(asked, found))
    counted = {s.group: s.value for s in scores if s.measure == "replies"}
    assert counted == {
        "none": 0, "several": 0, "refused": 1, "out_of_range": 0, "truncated": 1, "not_asked": 1, "cut": 2
    }  # fmt: skip
    assert by_name(scores, "accuracy")["set"].value == pytest.approx(1 / 5)
    assert by_name(scores, "chance")["set"].value == pytest.approx(1 / 4)


def test_a_published_grader_is_held_against_ours() -> None:
    asked = [question(n) for n in range(3)]
    found = [
        grade(asked[0], None, correct=False, ours=True),
        grade(asked[1], "A", correct=True, ours=False),
        grade(asked[2], "A", correct=True, ours=True),
    ]
    counted = {s.group: s.value for s in score(asked, found) if s.measure == "replies"}
    assert (counted["grader_lost"], counted["grader_won"]) == (1, 1)


def test_several_replies_give_pass_at_k_majority_and_spread() -> None:
    asked = [question(n) for n in range(2)]
    found = [grade(asked[0], letter, rollout=n) for n, letter in enumerate("AABB")]
    found += [grade(asked[1], letter, rollout=n) for n, letter in enumerate("BBBB")]
    scores = {s.measure: s.value for s in score(asked, found) if s.dataset == "set" and not s.group}
    assert scores["pass@1"] == pytest.approx(scores["accuracy"]) == pytest.approx(0.25)
    assert scores["pass@2"] == pytest.approx((1 - 1 / 6) / 2)
    assert scores["pass@4"] == 0.5
    assert scores["majority"] == 0.5
    assert scores["variance_within"] == pytest.approx(0.125)


def test_flagged_questions_are_scored_apart() -> None:
    asked = [question(n, "pmc_vqa") for n in range(4)]
    pair = Overlap(
        train_set="train", train_id="t", test_set="pmc_vqa:test", test_id="pmc_vqa:test/3", layer="joint",
        measure="class", score=None, kind="identical_item",
    )  # fmt: skip
    harmless = pair.model_copy(update={"test_id": "pmc_vqa:test/1", "kind": "template_only"})
    flagged = flagged_questions(asked, [pair, harmless])
    assert flagged == {"pmc_vqa/3"}
    scores = list(score(asked, grades(asked, ["B", "B", "B", "A"]), flagged=flagged))
    assert by_name(scores, "accuracy", "leak=clean")["pmc_vqa"].value == 0
    assert by_name(scores, "accuracy", "leak=flagged")["pmc_vqa"].value == 1


def test_published_metrics_come_out_exactly(shared: Path) -> None:
    for line in (shared / "oracles" / "metrics.jsonl").read_text().splitlines():
        case = json.loads(line)
        asked = [question(n, row["dataset_name"]) for n, row in enumerate(case["results"])]
        found = [
            grade(one, "A" if rollout < row["num_correct"] else "B", rollout=rollout)
            for one, row in zip(asked, case["results"], strict=True)
            for rollout in range(row["num_rollouts"])
        ]
        accuracy = by_name(list(score(asked, found)), "accuracy")
        published = case["compute_results_acc"]["accuracy_total"]
        for name, value in published.items():
            assert accuracy[name].value == pytest.approx(value, abs=1e-12), case["case_id"]
            assert accuracy[name].n == case["compute_results_acc"]["results_num_samples_by_dataset_name"][name]
        macro = accuracy["macro"].value
        assert macro is not None
        assert 100 * macro == pytest.approx(case["easy_metric"]["Overall_Average"], abs=1e-9)

"""Verdicts are weighed in code; a second verifier is heard; a failed item gets one more try and both are kept."""

import json
from pathlib import Path

import orjson
import pytest

from medvlsynther.cards import Rubric
from medvlsynther.engines.base import Request
from medvlsynther.errors import BadSetting
from medvlsynther.records import Verdict
from tests.stages.harness import Outcome, Tables, figure, item, model, run_stage

RUBRIC = Rubric.load("audited")
ITEMS = [item(n) for n in range(1, 5)]
FIGURES = [figure(n) for n in range(1, 5)]


def marks(*failed: str) -> str:
    asked = [line["id"] for line in RUBRIC.lines]
    return json.dumps({name: {"note": "simulated", "pass": name not in failed} for name in asked})


def strict_on_2(request: Request) -> str:
    """A simulated verifier: item 2 has two right options, the reply on item 3 is broken."""
    if "PMC3" in request.id:
        return '{"stem_self_contained": {"note": "cut'
    return marks("single_correct_option") if "PMC2" in request.id else marks()


def verify(folder: Path, **settings: object) -> Outcome:
    tables: Tables = {"items": ITEMS, "figures": FIGURES}
    return run_stage("verify", folder, tables, strict_on_2, model=model(), **settings)


def test_every_item_ends_as_a_verdict_or_a_reject(tmp_path: Path) -> None:
    found = verify(tmp_path)
    assert [verdict.item_id[:4] for verdict in found.rows] == ["PMC1", "PMC2", "PMC4"]
    assert found.rejects == {"PMC3.1/f1#1": "truncated"}
    assert [verdict.passed for verdict in found.rows] == [True, False, True]
    assert found.rows[1].failed == ("single_correct_option",)
    assert {mark.by for mark in found.rows[0].marks} == {"code", "model"}


def test_filter_keeps_what_passed_and_says_why_the_others_left(tmp_path: Path) -> None:
    verdicts: list[Verdict] = verify(tmp_path).rows
    found = run_stage("filter", tmp_path, {"items": ITEMS, "verdicts": verdicts})
    assert [row.item_id for row in found.rows] == [ITEMS[0].item_id, ITEMS[3].item_id]
    assert found.rejects == {ITEMS[1].item_id: "failed_essential", ITEMS[2].item_id: "no_verdict"}


def test_a_second_verifier_is_heard_and_agreement_is_written(tmp_path: Path) -> None:
    found = verify(tmp_path, second=model("qwen2.5-vl-7b"))
    assert [verdict.second.passed for verdict in found.rows] == [True, False, True]
    table = orjson.loads((found.folder / "agreement.json").read_bytes())
    assert table["passed"] == {"items": 3, "raw": 1.0, "kappa": 1.0, "ac1": 1.0}


def test_two_verifiers_of_one_family_are_one(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="another family"):
        verify(tmp_path, second=model("glm-4.5v"))


def test_a_failed_item_is_rewritten_once_and_keeps_its_parent(tmp_path: Path) -> None:
    verdicts: list[Verdict] = verify(tmp_path).rows
    told: list[Request] = []

    def rewrite(request: Request) -> str:
        told.append(request)
        options = {letter: f"Finding {letter}" for letter in "ABCDE"}
        return json.dumps({"question": "Which sign is seen?", "options": options, "answer": "C"})

    tables: Tables = {"items": ITEMS, "figures": FIGURES, "verdicts": verdicts}
    found = run_stage("repair", tmp_path, tables, rewrite, model=model())
    assert [request.id for request in told] == [ITEMS[1].item_id]
    assert [fault["title"] for fault in told[0].slots["faults"]] == ["Single Correct Option"]
    assert [row.item_id for row in found.rows] == [ITEMS[0].item_id, "PMC2.1/f1#2", ITEMS[3].item_id]
    assert (found.rows[1].parent, found.rows[1].key) == (ITEMS[1].item_id, "Finding C")
    assert found.rejects == {ITEMS[2].item_id: "no_verdict"}


def test_a_rewriting_that_cannot_be_read_leaves_the_item_as_it_was(tmp_path: Path) -> None:
    tables: Tables = {"items": ITEMS, "figures": FIGURES, "verdicts": verify(tmp_path).rows}
    found = run_stage("repair", tmp_path, tables, lambda _: "I will not.", model=model())
    assert found.rows == [ITEMS[0], ITEMS[1], ITEMS[3]]

"""Verdicts are weighed in code; a second verifier is heard; a failed item gets one more try and both are kept."""

import json
from pathlib import Path

import orjson
import pytest

from medvlsynther import catalog
from medvlsynther.cards import Rubric
from medvlsynther.engines.base import Reply, Request, render
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.records import Verdict
from medvlsynther.stages.verify import calls
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


@pytest.fixture(scope="module")
def by_label(tmp_path_factory: pytest.TempPathFactory) -> Rubric:
    """The same rubric, read one criterion at a time."""
    card = tmp_path_factory.mktemp("rubrics") / "labels.yaml"
    text = catalog.find("rubrics", "audited").read_text(encoding="utf-8")
    card.write_text(text.replace("reply_form: keyed", "reply_form: label"), encoding="utf-8")
    return Rubric.load(str(card))


def one_word(request: Request) -> Reply:
    """A simulated verifier that says what `strict_on_2` says, in one word and with its chance."""
    assert request.labels == ("yes", "no")
    assert request.schema is None
    if "PMC3" in request.id:
        return Reply(request, "I cannot say.")
    met = "PMC2" not in request.id or request.slots["criterion"]["id"] != "single_correct_option"
    return Reply(request, "", chances={"yes": 0.9, "no": 0.1} if met else {"yes": 0.2, "no": 0.8})


def test_all_forms_of_reply_are_read_into_the_same_marks(tmp_path: Path, by_label: Rubric) -> None:
    keyed = verify(tmp_path).rows
    tables: Tables = {"items": ITEMS, "figures": FIGURES}
    found = run_stage("verify", tmp_path / "label", tables, one_word, model=model(), rubric=by_label)
    assert found.rejects == {"PMC3.1/f1#1": "bad_schema"}

    def told(verdict: Verdict) -> list[tuple[object, ...]]:
        return [(mark.criterion, mark.passed, mark.score, mark.weight, mark.by) for mark in verdict.marks]

    assert [told(verdict) for verdict in found.rows] == [told(verdict) for verdict in keyed]
    assert [(v.passed, v.score, v.failed) for v in found.rows] == [(v.passed, v.score, v.failed) for v in keyed]
    marks = {mark.criterion: mark.probability for mark in found.rows[1].marks if mark.by == "model"}
    assert marks.pop("single_correct_option") == 0.2
    assert set(marks.values()) == {0.9}
    assert {mark.probability for mark in keyed[0].marks} == {None}


def test_words_without_chances_and_other_forms_are_read_as_well(tmp_path: Path, by_label: Rubric) -> None:
    def anyhow(request: Request) -> str:
        name = request.slots["criterion"]["id"]
        if name == "stem_self_contained":
            return "I cannot say."
        if name == "clinical_validity":
            return json.dumps({name: {"note": "simulated", "pass": True}})
        return "No." if name == "single_correct_option" else " **Yes** "

    tables: Tables = {"items": ITEMS[:1], "figures": FIGURES[:1]}
    (verdict,) = run_stage("verify", tmp_path, tables, anyhow, model=model(), rubric=by_label).rows
    assert verdict.failed == ("stem_self_contained", "single_correct_option")
    by = {mark.criterion: mark.by for mark in verdict.marks}
    assert (by["stem_self_contained"], by["clinical_validity"]) == ("missing", "model")


def test_one_read_that_fails_ends_its_item_and_no_other(tmp_path: Path, by_label: Rubric) -> None:
    def failing(request: Request) -> str:
        if "PMC2" in request.id and request.slots["criterion"]["id"] == "clinical_validity":
            raise ReplyError("server_error", "simulated")
        return "yes"

    tables: Tables = {"items": ITEMS, "figures": FIGURES}
    second = run_stage(
        "verify", tmp_path, tables, failing, model=model(), rubric=by_label, second=model("qwen2.5-vl-7b")
    )
    assert [verdict.item_id[:4] for verdict in second.rows] == ["PMC1", "PMC3", "PMC4"]
    assert second.rejects == {"PMC2.1/f1#1": "server_error"}


def test_the_criterion_asked_for_stands_last_and_the_rest_is_shared(by_label: Rubric, tmp_path: Path) -> None:
    seen: list[Request] = []

    def note(request: Request) -> str:
        seen.append(request)
        return "yes"

    run_stage("verify", tmp_path, {"items": ITEMS[:1], "figures": FIGURES[:1]}, note, model=model(), rubric=by_label)
    words = [render(request) for request in seen]
    assert len({(each.system, each.material) for each in words}) == 1
    assert {each.task.partition("Is ")[0] for each in words} == {words[0].task.partition("Is ")[0]}
    assert "JSON" not in words[0].system
    assert calls({"rubric": by_label}) == (len(seen), 1)


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

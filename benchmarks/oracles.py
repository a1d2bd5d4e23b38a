"""Scores the rules on a folder of cases with the published and the careful human's answer.

    python benchmarks/oracles.py DIR

DIR holds files as described in its README: grading.jsonl, grading_rollouts.jsonl, metrics.jsonl, rubric.jsonl,
json_parse.jsonl, rebalance.jsonl; a file that is absent is left out. Prints every disagreement and one table; exits 1
where a released mode differs from its published value, where a default rule agrees with the human on less than 98 % of
the uncontested cases, accepts a truncated or altered item, or credits a reply that gives no answer.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvlsynther.cards import Rubric
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.records import Item, Origin, Verdict
from medvlsynther.rules.grading import grade
from medvlsynther.rules.mcq import read_object
from medvlsynther.rules.rebalance import (
    released_mapping,
    released_next,
    released_options,
    released_rows,
    released_sound,
    released_subset,
    released_targets,
)
from medvlsynther.rules.released import (
    Tally,
    released_glm,
    released_infer,
    released_llava,
    released_metrics,
    released_object,
    released_regrade,
    released_reward,
    released_rollouts,
)
from medvlsynther.rules.released_rubric import released_weigh

AGREEMENT = 0.98
Case = dict[str, Any]


@dataclass
class Line:
    """One line of the table."""

    name: str
    kind: str
    """"released" (every case has to agree), "human" (98 % of the uncontested) or "never" (no case may)."""
    cases: int = 0
    agree: int = 0
    contested: int = 0
    contested_agree: int = 0
    differences: list[str] = field(default_factory=list)

    def count(self, case: Case, same: bool, difference: str) -> None:
        """Count one case and keep what differs."""
        if case.get("contested") and self.kind != "released":
            self.contested += 1
            self.contested_agree += same
        else:
            self.cases += 1
            self.agree += same
        if not same:
            mark = "contested" if case.get("contested") else "DIFFERS"
            self.differences.append(f"{mark:9} {self.name:28} {case['case_id']}: {difference}")

    @property
    def holds(self) -> bool:
        """Whether the line is as it has to be."""
        share = self.agree / self.cases if self.cases else 1.0
        return share >= (AGREEMENT if self.kind == "human" else 1.0)


class Score:
    """The table."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}

    def count(self, name: str, kind: str, case: Case, expected: object, got: object) -> None:
        """Compare one value, NaN with NaN."""
        same = canonical(expected) == canonical(got)
        self.lines.setdefault(name, Line(name, kind)).count(case, same, f"{brief(expected)} | {brief(got)}")


def canonical(value: object) -> object:
    """A value with non-finite numbers as the files write them."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"__nonfinite__": str(value).replace("nan", "NaN").replace("inf", "Infinity")}
    if isinstance(value, dict):
        return {key: canonical(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(part) for part in value]
    return value


def brief(value: object) -> str:
    """A value in at most 120 characters."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:70]} … {text[-45:]}"


def grading(case: Case, score: Score) -> None:
    """One reply: seven published graders and our own."""
    reply, options, key, text = case["output_text"], case["options"], case["answer_label"], case["answer"]
    regraded = released_regrade(reply, options, key, text)
    llava = released_llava(reply, options, key, text)
    infer = released_infer(reply, key, text)
    glm = released_glm(reply, key, text)
    reward = released_reward(reply, key, text)
    for name, field_name, got in (
        ("released_regrade", "ref_extracted", regraded.extracted),
        ("released_regrade", "ref_converted", regraded.converted),
        ("released_regrade", "ref_letter", regraded.letter),
        ("released_regrade", "ref_is_correct", regraded.correct),
        ("released_llava", "ref_llava_converted", llava.converted),
        ("released_llava", "ref_llava_is_correct", llava.correct),
        ("released_infer", "ref_infer_pred", infer.text),
        ("released_infer", "ref_infer_is_correct", infer.correct),
        ("released_glm", "ref_glm_pred", glm.text),
        ("released_glm", "ref_glm_is_correct", glm.correct),
        ("released_reward", "verl_format", reward.format),
        ("released_reward", "verl_reward", reward.reward),
    ):
        if field_name in case:
            score.count(name, "released", case, case[field_name], got)
    graded = grade(reply, options, key)
    label = case["human_label"]
    score.count("read_choice: letter", "human", case, label, graded.choice.letter)
    score.count("grade: correct", "human", case, case["human_correct"], graded.correct)
    if label is None:
        score.count("read_choice: no answer", "never", case, None, graded.choice.letter)


def rollouts(case: Case, score: Score) -> None:
    """Several replies to one question."""
    got = released_rollouts(case["outputs"], case["options"], case["answer_label"], case["answer"])
    values = {
        "pred_letters": list(got.predictions),
        "is_correct": list(got.correct),
        "num_correct": got.num_correct,
        "num_rollouts": len(got.correct),
        "average_num_correct": got.average,
        "pass_at_num_rollouts": got.passed,
        "majority_vote_pred_letter": got.majority,
        "majority_at_num_rollouts": got.majority_correct,
    }
    for name, value in values.items():
        score.count("released_rollouts", "released", case, case["expected"][name], value)


def metrics(case: Case, score: Score) -> None:
    """Accuracy per data set."""
    tallies = (
        Tally(dataset=each["dataset_name"], rollouts=each["num_rollouts"], correct=each["num_correct"])
        for each in case["results"]
    )
    got = released_metrics(tallies)
    totals, easy = case["compute_results_acc"], dict(case["easy_metric"])
    overall = easy.pop("Overall_Average")
    for expected, value in (
        (totals["accuracy_total"], got.accuracy),
        (totals["accuracy_pass@total"], got.passed),
        (totals["results_num_samples_by_dataset_name"], got.questions),
        (totals["total_num_rollouts"], got.rollouts),
        (totals["total_num_correct"], got.correct),
        (easy, {name: 100 * share for name, share in got.accuracy.items()}),
        (overall, got.overall),
    ):
        score.count("released_metrics", "released", case, expected, value)


_ORIGIN = Origin(prompt="", prompt_hash="", model="", model_hash="")
_ITEM = Item(item_id="case", figure_id="case", question="?", options=("a", "b"), answer="A", origin=_ORIGIN)


def _verdict(rubric: Rubric, row: Case) -> Verdict | None:
    """The rubric on a row's reply; None where it is refused."""
    reply = row.get("rubric_verification", row)
    try:
        return rubric.weigh(_ITEM, rubric.read(json.dumps(reply)), _ORIGIN)
    except ReplyError:
        return None


def weighing(published: Rubric) -> Callable[[Case, Score], None]:
    """One verifier's rubric: the published weighing, the card that follows it, and the strict one."""
    essentials = [each.title for each in published.criteria if each.category == "essential"]
    strict = published.model_copy(update={"formula": "strict"})

    def score_case(case: Case, score: Score) -> None:
        row, expected = case["record"], case["expected"]
        try:
            got = released_weigh(row, essentials)
        except ReplyError:
            got = None
        score.count("released_weigh: raises", "released", case, expected["raises"] is not None, got is None)
        if got is not None:
            score.count("released_weigh", "released", case, expected["evaluable"], got.evaluable)
        if got is not None and got.evaluable:
            names = ("pos_w", "pos_s", "penalty", "final", "normalized", "passed", "reasons")
            values = (got.weight, got.earned, got.penalty, got.final, got.normalized, got.passed, list(got.reasons))
            for name, value in zip(names, values, strict=True):
                score.count("released_weigh", "released", case, expected[name], value)
            verdict = _verdict(published, row)
            held = (verdict.passed, verdict.score) if verdict else None
            score.count("rubric card: released", "released", case, (got.passed, got.normalized), held)
        verdict = _verdict(strict, row)
        passed = verdict is not None and verdict.passed
        score.count("rubric card: strict", "human", case, case["human_pass"], passed)
        if not case["human_pass"]:
            score.count("strict: not awarded", "never", case, False, passed)

    return score_case


def parsing(case: Case, score: Score) -> None:
    """One reply that may hold JSON."""
    score.count("released_object", "released", case, case["ref_pipeline"], released_object(case["raw"]))
    wanted = case["human_value"] if case["human_accept"] else None
    try:
        got: object = read_object(case["raw"])
    except ReplyError:
        got = None
    score.count("read_object", "human", case, wanted, got)
    if got is not None:
        score.count("read_object: altered", "never", case, wanted, got)


def sharing(case: Case, score: Score) -> None:
    """One step of rebalancing or drawing."""
    letters = "ABCDE"[: int(case["variant"])]
    expected, given, kind = case["expected"], case["input"], case["kind"]
    got: object
    if kind == "compute_targets":
        got = released_targets(given["n"], letters)
    elif kind == "choose_target_label":
        got = released_next(given["cur_counts"], given["targets"])
    elif kind == "build_mapping":
        got = released_mapping(given["old_correct"], given["new_correct"], letters)
    elif kind == "remap_options":
        got = released_options(given["options"], given["mapping"])
    elif kind == "is_valid_gv":
        item = given["generated_vqa"]
        asked = (("rebalance", True), ("extract", False))
        got = {name: released_sound(item, letters, texts=texts) for name, texts in asked}
    elif kind == "extract_subset":
        expected, got = expected["selected_dataset_index"], _drawn(given, letters)
    else:
        expected, got = expected["output"], released_rows(_rows(given["jsonl_lines"]), letters)
    score.count(f"released {kind}", "released", case, expected, got)


def _drawn(given: Case, letters: str) -> list[Any] | None:
    sound = [row for row in given["records"] if released_sound(row.get("generated_vqa"), letters, texts=False)]
    answers = [row["generated_vqa"]["answer"] for row in sound]
    try:
        places = released_subset(answers, given["k"], given["seed"], letters)
    except BadSetting:
        return None
    return [sound[place]["dataset_index"] for place in places]


def _rows(lines: Iterable[str]) -> Iterator[Case]:
    """The lines that are JSON: the published script passes over the others."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def table(score: Score) -> str:
    """Every line with its counts and whether it holds."""
    rows = [f"{'rule':30} {'kind':9} {'agree':>13} {'share':>8} {'contested':>10}"]
    for line in score.lines.values():
        share = f"{line.agree / line.cases:.1%}" if line.cases else "-"
        contested = f"{line.contested_agree}/{line.contested}" if line.contested else "-"
        held = "" if line.holds else "  FAILS"
        rows.append(f"{line.name:30} {line.kind:9} {line.agree:>6}/{line.cases:<6} {share:>8} {contested:>10}{held}")
    return "\n".join(rows)


def run(folder: Path) -> Score:
    """All files of a folder."""
    score = Score()
    published = Rubric.load("medsynvqa")
    for name, rule in (
        ("grading", grading),
        ("grading_rollouts", rollouts),
        ("metrics", metrics),
        ("rubric", weighing(published)),
        ("json_parse", parsing),
        ("rebalance", sharing),
    ):
        path = folder / f"{name}.jsonl"
        if path.is_file():
            for line in path.read_text(encoding="utf-8").split("\n"):
                if line.strip():
                    rule(json.loads(line), score)
    return score


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    score = run(parser.parse_args().folder)
    for line in score.lines.values():
        print("\n".join(line.differences), end="\n" if line.differences else "")
    print(f"\n{table(score)}")
    return 0 if score.lines and all(line.holds for line in score.lines.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Result files graded anew: published numbers come out of them to two decimals, and versions do not mix."""

import json
from pathlib import Path

import pytest

from medvlsynther.cards import PublishedRow, PublishedScores
from medvlsynther.errors import BadSetting
from medvlsynther.evaluation.regrading import by_model, regrade
from medvlsynther.rules.released import Tally, released_metrics, released_rollouts

SERVED = {
    "pmc_vqa": ("pmc_vqa", 1999), "mmmu_medical": ("MMMU-medical", 170), "medxpertqa_mm": ("MedXpertQA-MM", 2000),
    "pathvqa": ("pathvqa_closed", 3362), "slake": ("slake_closed", 416), "vqa_rad": ("vqa_rad_closed", 272),
}  # fmt: skip
"""Card to the name in the joint set and the questions behind the published number."""

OPTIONS = {"A": "Yes", "B": "No"}


def results(path: Path, percent: dict[str, float]) -> Path:
    """A results file of the published scripts with as many right answers as a table says."""
    path.parent.mkdir(exist_ok=True)
    lines = []
    for name, value in percent.items():
        served, count = SERVED[name]
        right = round(value * count / 100)
        for index in range(count):
            said = "A" if index < right else "B"
            lines.append(
                json.dumps(
                    {
                        "prompts": "Question: Is it?\n\nOptions:\n\nA. Yes\n\nB. No<|im_end|>",
                        "dataset_name": served,
                        "dataset_index": index,
                        "answer_label": "A",
                        "answer": "Yes",
                        "parsed_outputs": [{"output_text": f"<think>Hm.</think><answer>{said}</answer>"}],
                        "num_rollouts": 1,
                    }
                )
            )
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("published", PublishedScores.load("medvlsynther").rows, ids=lambda row: row.model)
def test_published_rows_come_out_of_their_results_to_two_decimals(tmp_path: Path, published: PublishedRow) -> None:
    path = results(tmp_path / "model" / "eval_results.jsonl", published.percent)
    done = regrade(by_model([path]), "released")
    accuracy = {s.dataset: 100 * (s.value or 0) for s in done.scores if (s.measure, s.group) == ("accuracy", "")}
    for name, value in published.percent.items():
        assert round(accuracy[name], 2) == value
    assert round(accuracy["macro"], 2) == published.average
    assert any("1,999 questions where its card says 2,000" in note for note in (done.sets.notes if done.sets else ()))


def test_rollouts_and_metrics_are_those_of_the_published_scripts(shared: Path, tmp_path: Path) -> None:
    cases = [json.loads(line) for line in (shared / "oracles" / "grading_rollouts.jsonl").read_text().splitlines()]
    path = tmp_path / "eval_results.jsonl"
    with path.open("w") as file:
        for place, case in enumerate(cases):
            outputs = [{"output_text": text} for text in case["outputs"]]
            kept = {name: case[name] for name in ("dataset_name", "options", "answer_label", "answer")}
            file.write(json.dumps({**kept, "dataset_index": place, "prompts": "", "parsed_outputs": outputs}) + "\n")
    done = regrade({"m": path}, "released")
    by_question: dict[str, list[bool]] = {}
    for grade in done.grades:
        by_question.setdefault(grade.question_id, []).append(grade.correct)
    assert list(by_question.values()) == [case["expected"]["is_correct"] for case in cases]
    tallies = [
        Tally(dataset=grades[0].dataset, rollouts=len(found), correct=sum(found))
        for key, found in by_question.items()
        if (grades := [g for g in done.grades if g.question_id == key])
    ]
    metrics = released_metrics(tallies)
    accuracy = {s.dataset: s.value for s in done.scores if (s.measure, s.group) == ("accuracy", "")}
    assert {name: pytest.approx(accuracy[name]) for name in metrics.accuracy} == metrics.accuracy
    assert 100 * (accuracy.get("macro") or 0) == pytest.approx(metrics.overall)
    for case in cases:
        found = released_rollouts(case["outputs"], case["options"], case["answer_label"], case["answer"])
        assert list(found.correct) == case["expected"]["is_correct"]


def test_two_files_are_compared_on_the_same_questions(tmp_path: Path) -> None:
    one = results(tmp_path / "one" / "eval_results.jsonl", {"vqa_rad": 80.0})
    two = results(tmp_path / "two" / "eval_results.jsonl", {"vqa_rad": 50.0})
    (two.parent / two.name).write_text("\n".join(two.read_text().splitlines()[:-72]))
    done = regrade(by_model([one, two]))
    accuracy = {s.model: s for s in done.scores if (s.dataset, s.measure, s.group) == ("vqa_rad", "accuracy", "")}
    assert {s.n for s in accuracy.values()} == {272}
    assert accuracy["two"].value == pytest.approx(136 / 272)
    lost = {s.model: s.value for s in done.scores if s.group == "not_asked"}
    assert lost == {"one": 0, "two": 72}
    (difference,) = (s for s in done.scores if s.measure == "difference" and s.dataset == "vqa_rad")
    assert difference.p is not None
    assert difference.p < 1e-9


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    one = results(tmp_path / "one" / "eval_results.jsonl", {"vqa_rad": 80.0})
    two = tmp_path / "two" / "eval_results.jsonl"
    two.parent.mkdir()
    two.write_text(one.read_text().replace("B. No", "B. Perhaps"))
    with pytest.raises(BadSetting, match="other options"):
        regrade(by_model([one, two]))


def test_a_file_without_one_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"half')
    with pytest.raises(BadSetting, match="row_unreadable"):
        regrade({"m": path})
    with pytest.raises(BadSetting, match="same name"):
        by_model([tmp_path / "a" / "x.jsonl", tmp_path / "b" / "x.jsonl"])

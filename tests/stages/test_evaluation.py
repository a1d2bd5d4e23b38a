"""Asking, grading and scoring questions: one answer each, whatever fails; controls show who looks."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.cards import Benchmark, Prompt, Sampling
from medvlsynther.engines.base import Reply, ReplyError, Request
from medvlsynther.errors import BadSetting
from medvlsynther.records import LETTERS, Answer, Graded, ImageRef, Overlap, Question
from tests.stages.harness import Outcome, Tables, model, run_stage

CONTROLS = ("no_image", "blank", "other_image", "rotations")


def question(number: int, **changes: Any) -> Question:
    """A question with an image of its own and five options."""
    given: dict[str, Any] = {
        "question_id": f"set/{number}",
        "dataset": "set",
        "index": number,
        "question": f"Which finding is seen in patient {number}?",
        "options": ("Pleural effusion", "Pneumothorax", "Lung mass", "Rib fracture", "Hiatal hernia"),
        "answer": LETTERS[number % 5],
        "images": (ImageRef(name="a.png", sha256=f"{number:064x}", width_px=40, height_px=30),),
        "split": "test",
    }
    return Question(**(given | changes))


def answered(folder: Path, questions: list[Question], answer: Callable[[Request], Any], **settings: Any) -> Outcome:
    tables: Tables = {"questions": questions, "checkpoints": None}
    return run_stage("answer", folder, tables, answer, model=model(), **settings)


def scored(folder: Path, questions: list[Question], answers: list[Answer]) -> Outcome:
    graded = run_stage("grade", folder, {"answers": answers, "questions": questions})
    assert not graded.rejects
    assert len(graded.rows) == len(answers)
    tables: Tables = {"grades": graded.rows, "questions": questions, "overlaps": None, "labels": None}
    return run_stage("scores", folder, tables)


def says(letter_of: Callable[[Request], str]) -> Callable[[Request], str]:
    return lambda request: f"<answer>{letter_of(request)}</answer>"


def test_the_likeliest_letter_is_the_answer_in_every_order_of_the_options(tmp_path: Path) -> None:
    """A simulated model that always finds the pleural effusion likeliest, and says something else."""

    def likely(request: Request) -> Reply:
        assert request.labels == tuple(request.slots["options"])
        right = next(k for k, text in request.slots["options"].items() if text == "Pleural effusion")
        return Reply(request, "unclear", chances={k: 0.6 if k == right else 0.1 for k in request.labels})

    questions = [question(n, answer="A") for n in range(4)]
    found = answered(tmp_path, questions, likely, reply="letter", prompt=Prompt.load("letter"), controls=("rotations",))
    graded = run_stage("grade", tmp_path, {"answers": found.rows, "questions": questions}).rows
    assert len(graded) == 4 * 5
    assert all(grade.correct for grade in graded)


def test_every_question_is_answered_once_in_every_way(tmp_path: Path) -> None:
    found = answered(
        tmp_path, [question(n) for n in range(6)], says(lambda _: "A"), controls=CONTROLS,
        sampling=Sampling(rollouts=2, temperature=1.0),
    )  # fmt: skip
    ways = Counter((row.view, row.turn, row.rollout) for row in found.rows)
    expected = [("asked", 0, 0), ("asked", 0, 1), ("no_image", 0, 0), ("blank", 0, 0), ("other_image", 0, 0)]
    assert ways == dict.fromkeys([*expected, *(("rotated", turn, 0) for turn in range(1, 5))], 6)
    assert not found.rejects


def test_controls_show_what_they_say(tmp_path: Path) -> None:
    shown: dict[str, list[str]] = {}

    def look(request: Request) -> str:
        shown.setdefault(request.id, []).extend(str(image.sha256) for image in request.images)
        return "A"

    asked = [question(n) for n in range(5)]
    found = answered(tmp_path, asked, look, controls=("no_image", "blank", "other_image"))
    for one in asked:
        own = one.images[0].sha256
        first, grey, other = shown[one.question_id]
        assert first == own
        assert grey not in {q.images[0].sha256 for q in asked}
        assert other != own
        donor = next(row.shown for row in found.rows if (row.question_id, row.view) == (one.question_id, "other_image"))
        assert other == next(q.images[0].sha256 for q in asked if q.question_id == donor)


def test_questions_that_share_their_image_lend_it_to_nobody(tmp_path: Path) -> None:
    same = question(0).images
    found = answered(tmp_path, [question(n, images=same) for n in range(3)], says(lambda _: "A"), controls=CONTROLS)
    assert not [row for row in found.rows if row.view == "other_image"]


def test_questions_without_image_or_with_letters_in_their_words_have_no_such_control(tmp_path: Path) -> None:
    asked = [question(0, images=()), question(1, options=("Oedema", "Effusion", "Both A and B"), answer="C")]
    found = answered(tmp_path, asked, says(lambda _: "A"), controls=CONTROLS)
    ways = {(row.question_id, row.view) for row in found.rows}
    assert {view for name, view in ways if name == "set/0"} == {"asked", "rotated"}
    assert {view for name, view in ways if name == "set/1"} == {"asked", "no_image", "blank"}


def test_what_cannot_be_asked_is_an_answer_that_says_why_and_is_wrong(tmp_path: Path) -> None:
    def reply(request: Request) -> str | Reply:
        if request.id == "set/1":
            raise ReplyError("server_error", "500")
        if request.id == "set/2":
            return Reply(request, "<think>and then", finish="length")
        return "<answer>A</answer>"

    asked = [question(n, answer="A") for n in range(5)]
    asked[3] = asked[3].model_copy(update={"fault": "image_missing"})
    found = answered(tmp_path, asked, reply)
    assert [row.failure for row in found.rows] == [None, "server_error", None, "image_missing", None]
    scores = {(s.measure, s.group, s.dataset): s for s in scored(tmp_path, asked, found.rows).rows}
    assert scores["accuracy", "", "set"].value == pytest.approx(2 / 5)
    assert scores["accuracy", "", "set"].n == 5
    assert scores["replies", "not_asked", "set"].value == 2
    assert scores["replies", "truncated", "set"].value == 1
    text = (tmp_path / "part" / "report.txt").read_text()
    assert "set/1" in text
    assert "server_error" in text
    assert "image_missing" in text


def test_a_planted_model_that_ignores_the_image_is_named(tmp_path: Path) -> None:
    """Its answer depends on the words alone, and follows the option through every order."""

    def words_only(request: Request) -> str:
        options = request.slots["options"]
        return min(map(str, options), key=lambda letter: str(options[letter]) + request.slots["question"])

    asked = [question(n) for n in range(30)]
    found = answered(tmp_path, asked, says(words_only), controls=CONTROLS)
    rows = scored(tmp_path, asked, found.rows).rows
    assert {s.value for s in rows if s.measure == "changed"} == {0}
    assert {s.value for s in rows if (s.measure, s.group) == ("rotated", "flip")} == {0}
    assert "glm-4.5v ignores the image" in (tmp_path / "part" / "report.txt").read_text()


def test_a_planted_model_that_looks_is_not_named(tmp_path: Path) -> None:
    """It reads the key off the image's hash."""

    def looks(request: Request) -> str:
        number = int(request.images[0].sha256 or "0", 16) if request.images else 0
        key = question(number % 30).lettered[LETTERS[number % 5]]
        return next(str(letter) for letter, text in request.slots["options"].items() if text == key)

    asked = [question(n) for n in range(30)]
    found = answered(tmp_path, asked, says(looks), controls=CONTROLS)
    scores = {(s.measure, s.group): s for s in scored(tmp_path, asked, found.rows).rows}
    assert scores["accuracy", ""].value == 1
    assert scores["rotated", "all"].value == 1
    assert (scores["drop", "no_image"].value or 0) > 0.5
    report = (tmp_path / "part" / "report.txt").read_text()
    assert "ignores the image" not in report
    assert "gains nothing" not in report


def test_regrading_asks_nothing_and_keeps_the_text(tmp_path: Path) -> None:
    calls = []

    def reply(request: Request) -> str:
        calls.append(request.id)
        return "The answer is A."

    asked = [question(n, answer="A") for n in range(3)]
    found = answered(tmp_path, asked, reply)
    assert [row.text for row in found.rows] == ["The answer is A."] * 3
    tables = {"answers": found.rows, "questions": asked}
    ours = run_stage("grade", tmp_path, tables, grader="default").rows
    published = run_stage("grade", tmp_path, tables, grader="released").rows
    assert [row.correct for row in ours] == [True] * 3
    assert [row.correct for row in published] == [False] * 3
    assert len(calls) == 3


def test_a_changed_prompt_is_asked_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    calls = []

    def reply(request: Request) -> str:
        calls.append(request.prompt.name)
        return "A"

    asked = [question(n) for n in range(4)]
    for name in ("answer", "released", "answer"):
        answered(tmp_path, asked, reply, prompt=Prompt.load(name))
    assert Counter(calls) == {"answer": 4, "released": 4}


def test_one_model_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="named twice"):
        answered(tmp_path, [question(0)], says(lambda _: "A"), beside=(model(),))


def test_models_beside_each_other_are_compared(tmp_path: Path) -> None:
    asked = [question(n, answer="A") for n in range(20)]
    found = answered(tmp_path, asked, says(lambda _: "A"), beside=(model("qwen2.5-vl-72b"),))
    rows = scored(tmp_path, asked, found.rows).rows
    (difference,) = (s for s in rows if s.measure == "difference" and s.dataset == "set")
    assert (difference.model, difference.other, difference.value) == ("glm-4.5v", "qwen2.5-vl-72b", 0)


def test_a_report_knows_how_many_questions_there_should_be(tmp_path: Path) -> None:
    asked = [question(n, dataset="slake", question_id=f"slake/{n}") for n in range(3)]
    grades = [Graded(question_id=q.question_id, dataset="slake", model="m", letter="A", correct=False) for q in asked]
    tables: Tables = {"grades": grades, "questions": asked, "overlaps": None, "labels": None}
    found = run_stage("scores", tmp_path, tables, benchmarks=(Benchmark.load("slake"),))
    assert found.rows
    report = json.loads((tmp_path / "part" / "report.json").read_text())
    sets = next(table for table in report["tables"] if table["title"] == "Data sets")
    assert sets["rows"] == [["slake", "3", "416", "CC-BY-4.0"]]
    assert "slake: 3 questions where its card says 416: compare with care." in sets["notes"]


def test_after_an_audit_scores_are_given_without_what_it_found(tmp_path: Path) -> None:
    asked = [question(n) for n in range(4)]
    grades = [
        Graded(question_id=q.question_id, dataset="set", model="m", letter="A", correct=q.index > 0) for q in asked
    ]
    pair = Overlap(
        train_set="mine", train_id="mine/0", test_set="set:test", test_id="set:test/0", layer="joint", measure="class",
        score=None, kind="same_image_same_fact",
    )  # fmt: skip
    tables: Tables = {"grades": grades, "questions": asked, "overlaps": [pair], "labels": None}
    scores = {(s.measure, s.group): s for s in run_stage("scores", tmp_path, tables).rows}
    assert scores["accuracy", ""].value == 0.75
    assert scores["accuracy", "leak=clean"].value == 1
    assert scores["accuracy", "leak=flagged"].n == 1
    assert "Questions found in training data" in (tmp_path / "part" / "report.txt").read_text()

"""Published artefacts come back whole: results beside curated figures, finished rows, our own exports."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medvlsynther import catalog
from medvlsynther.cards import Rubric
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Figure, Item, Reject, Verdict
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table
from tests.export.material import Material, encoded, picture

IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
MARKS = [
    {"idx": n, "title": title, "category": "Essential", "weight": 5, "score": 5, "notes": "ok"}
    for n, title in enumerate(
        (
            "Stem Self-contained",
            "Vocabulary Constraint",
            "Diagnosis Leak",
            "Single Correct Option",
            "Option Type Consistency",
            "Clinical Validity",
            "Image–Text Consistency",
        ),
        1,
    )
]


class Imported:
    """A folder taken up by the three stages, through the runner."""

    def __init__(self, root: Path, corpus: Path, **figures: Any) -> None:
        stages = {
            "released.figures": {"path": str(corpus), **figures},
            "released.items": {"path": str(corpus)},
            "released.verdicts": {"path": str(corpus)},
        }
        done = run(Recipe(ref="import", stages=stages), Site(store=str(root), workers=1))
        self.store = Store(root)
        self._steps = {step.step.name: step.manifest["id"] for step in done}
        self.figures: list[Figure] = list(Table(Figure, self._at("released.figures", "figures")))
        self.items: list[Item] = list(Table(Item, self._at("released.items", "items")))
        self.verdicts: list[Verdict] = list(Table(Verdict, self._at("released.verdicts", "verdicts")))

    def _at(self, stage: str, table: str) -> Path:
        return self.store.step(self._steps[stage]) / f"{table}.parquet"

    def rejects(self, stage: str) -> list[tuple[str, str]]:
        """Id and reason of what a stage refused."""
        return [(r.id, r.reason) for r in Table(Reject, self._at(stage, "rejects"))]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


def curated(number: int) -> dict[str, Any]:
    """A figure as the published converter writes it."""
    return {
        "images": [{"bytes": picture(number), "path": f"a.tar::{number}.jpg"}],
        "article_accession_id": f"PMC{number}",
        "article_title": f"Title {number}",
        "image_id": [f"PMC{number}_F1"],
        "image_file_name": [f"{number}.jpg"],
        "image_secondary_label": [["brain", "eye"]],
        "caption": [f"Caption {number}."],
        "context": [["Seen in Fig. 1.", "Seen in Fig. 1."]],
    }


def result(number: int, **more: Any) -> dict[str, Any]:
    """A line as the published generator writes it."""
    row = {key: value for key, value in curated(number).items() if key != "images"}
    written = {"question": f"What is {number}?", "options": dict(zip("ABCDE", "vwxyz")), "answer": "C"}
    return {**row, "images": [{"path": "x"}], "dataset_index": number, "generated_vqa": written, **more}


def write_lines(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row.get(name) for row in rows] for name in rows[0] if name != "images"}
    table = pa.table(columns).append_column("images", pa.array([row["images"] for row in rows], IMAGES))
    pq.write_table(table, path)


def test_results_meet_their_figures_and_verdicts_are_weighed_again(tmp_path: Path, corpus: Path) -> None:
    write_table(corpus / "curated.parquet", [curated(number) for number in range(4)])
    judged = {"rubric_verification": {"rubric": MARKS}, "verify_score": float("nan")}
    write_lines(corpus / "results.jsonl", [result(3), result(0, **judged), result(2), result(1)])
    found = Imported(tmp_path / "store", corpus)
    assert [figure.article.pmcid for figure in found.figures] == ["PMC0", "PMC1", "PMC2", "PMC3"]
    assert [item.question for item in found.items] == [f"What is {n}?" for n in range(4)]
    figure = found.figures[0]
    assert (figure.caption, figure.mentions) == ("Caption 0.", ("Seen in Fig. 1.",))
    assert [label.name for label in figure.labels] == ["brain", "eye"]
    assert figure.article.licence.standing == "quarantined"
    with Image.open(BytesIO(ImageStore(found.store.images).read(figure.images[0].sha256 or ""))) as image:
        assert image.convert("RGB").tobytes() == Image.open(corpus_image(corpus)).tobytes()
    (verdict,) = found.verdicts
    assert verdict.item_id == found.items[0].item_id
    assert {m.criterion for m in verdict.marks if m.passed and m.by == "model"} >= {
        each.id for each in Rubric.load("medsynvqa").criteria if each.category == "essential"
    }
    assert found.rejects("released.verdicts") == [(item.item_id, "not_judged") for item in found.items[1:]]


def corpus_image(corpus: Path) -> Any:
    from io import BytesIO

    return BytesIO(pq.read_table(corpus / "curated.parquet").to_pylist()[0]["images"][0]["bytes"])


def test_generator_and_verifier_lines_about_one_figure_complete_each_other(tmp_path: Path, corpus: Path) -> None:
    write_table(corpus / "curated.parquet", [curated(0)])
    write_lines(corpus / "a_generated.jsonl", [result(0)])
    write_lines(corpus / "b_verified.jsonl", [result(0, rubric_verification={"rubric": MARKS})])
    other = result(0)
    other["generated_vqa"] = {**other["generated_vqa"], "answer": "A"}
    write_lines(corpus / "c_rebalanced.jsonl", [other])
    found = Imported(tmp_path / "store", corpus)
    assert (len(found.items), len(found.verdicts), found.items[0].answer) == (1, 1, "C")
    assert [reason for _, reason in found.rejects("released.figures")] == ["conflicting_line"]


@pytest.mark.parametrize(
    "options", [json.dumps({"A": "Yes", "B": "No"}), ["Yes", "No"], {"A": "Yes", "B": "No", "C": None}]
)
def test_finished_rows_come_back_whatever_the_form_of_their_options(tmp_path: Path, corpus: Path, options: Any) -> None:
    row = {
        "images": [{"bytes": picture(1), "path": None}, {"bytes": picture(2), "path": None}],
        "question": "Is it bright?",
        "options": options,
        "answer_label": "B",
        "answer": "No",
        "dataset_name": "cases",
        "dataset_index": 7,
        "hash": "",
        "reasoning": "<think>\nDark.\n</think>\n<answer>B</answer>",
        "misc": "",
    }
    write_table(corpus / "train.parquet", [row])
    found = Imported(tmp_path / "store", corpus, licence="CC-BY-4.0")
    (item,), (figure,) = found.items, found.figures
    assert (item.options, item.answer, item.reasoning) == (("Yes", "No"), "B", "Dark.")
    assert len(figure.images) == 2
    assert (figure.article.licence.code, figure.article.licence.standing) == ("CC-BY-4.0", "allowed")


def test_rows_about_the_same_images_share_an_article(tmp_path: Path, corpus: Path) -> None:
    rows = [
        {"images": [{"bytes": picture(n % 2), "path": None}], "question": f"Q{n}?", "options": '{"A":"x","B":"y"}'}
        | {"answer_label": "A", "answer": "x", "dataset_name": "cases"}
        for n in range(4)
    ]
    write_table(corpus / "train.parquet", rows)
    figures = Imported(tmp_path / "store", corpus).figures
    assert len({figure.figure_id for figure in figures}) == 4
    assert [f.article.article_id for f in figures[:2]] == [f.article.article_id for f in figures[2:]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generated_vqa": {"error": "insufficient_evidence"}}, "no_mcq"),
        ({"generated_vqa": None}, "no_mcq"),
        ({"generated_vqa": {"question": "q?", "options": {"A": "a", "C": "c"}, "answer": "A"}}, "bad_options"),
        ({"generated_vqa": {"question": "q?", "options": "{", "answer": "A"}}, "bad_options"),
        ({"generated_vqa": {"question": "q?", "options": {"A": 1, "B": []}, "answer": "A"}}, "bad_options"),
        ({"generated_vqa": {"question": "q?", "options": {"A": "a", "B": "b"}, "answer": "E"}}, "bad_schema"),
        (
            {"generated_vqa": {"question": "q?", "options": {"A": "a", "B": "b"}, "answer": "b", "answer_label": "A"}},
            "answer_mismatch",
        ),
    ],
)
def test_rows_that_are_no_item_are_counted(tmp_path: Path, corpus: Path, changes: dict[str, Any], reason: str) -> None:
    write_table(corpus / "curated.parquet", [curated(0), curated(1)])
    write_lines(corpus / "results.jsonl", [result(0, **changes), result(1)])
    found = Imported(tmp_path / "store", corpus)
    assert len(found.items) == 1
    assert [r for _, r in found.rejects("released.items")] == [reason]


def test_files_and_lines_that_cannot_be_read_are_counted_and_the_others_kept(tmp_path: Path, corpus: Path) -> None:
    write_table(corpus / "a.parquet", [curated(0)])
    (corpus / "b.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"x": [1]}), corpus / "c.parquet")
    good = json.dumps(result(0)).encode()
    (corpus / "r.jsonl").write_bytes(
        b"\xef\xbb\xbf" + good + b'\n\n[1]\n{\xff}\n{"a": \n' + b"[" * 100_000 + b"\n" + json.dumps(result(9)).encode()
    )
    found = Imported(tmp_path / "store", corpus)
    assert len(found.items) == len(found.figures) == 1
    reasons = [reason for _, reason in found.rejects("released.figures")]
    assert sorted(reasons) == sorted(["bad_json"] * 4 + ["parquet_unreadable", "unknown_columns", "image_missing"])
    kept = Imported(tmp_path / "other", corpus, without_images=True)
    assert [figure.article.pmcid for figure in kept.figures] == ["PMC0", "PMC9"]


def test_damaged_images_cost_their_row_and_no_other(tmp_path: Path, corpus: Path) -> None:
    bad = curated(0) | {"images": [{"bytes": encoded(Image.new("RGB", (9, 9)))[:30], "path": "x"}]}
    write_table(corpus / "curated.parquet", [bad, curated(1)])
    write_lines(corpus / "results.jsonl", [result(0), result(1)])
    found = Imported(tmp_path / "store", corpus)
    assert [item.question for item in found.items] == ["What is 1?"]
    assert [reason for _, reason in found.rejects("released.items")] == ["figure_refused"]


def test_what_was_exported_comes_back_and_exports_to_equal_rows(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = Material(tmp_path / "first").fill()
    first.run("export.hf", split=0.4)
    found = Imported(tmp_path / "store", tmp_path / "first/step/dataset")
    assert {item.item_id: item for item in found.items} == {item.item_id: item for item in first.items}
    assert [verdict.marks for verdict in found.verdicts] == [(first.verdicts or [])[0].marks] * len(first.items)
    kept = {figure.figure_id: figure for figure in found.figures}
    for figure in first.figures:
        again = kept[figure.figure_id]
        assert (again.caption, again.mentions, again.article.doi) == (
            figure.caption,
            figure.mentions,
            figure.article.doi,
        )
        assert again.article.licence.attribution == figure.article.licence.attribution
        assert [image.name for image in again.images] == [image.name for image in figure.images]


def test_three_passes_over_a_folder_plan_as_three_steps(tmp_path: Path, corpus: Path) -> None:
    write_lines(corpus / "results.jsonl", [result(0)])
    stages = {stage: {"path": str(corpus)} for stage in ("released.figures", "released.items", "released.verdicts")}
    assert [step.name for step in plan(Recipe(ref="x", stages=stages))] == list(stages)
    assert all(catalog.module("stages", stage).VERSION for stage in stages)


def test_odd_inputs_end_as_rows_or_as_counted_rejects(tmp_path: Path, shared: Path) -> None:
    found = [*(shared / "samples/bad_inputs").rglob("*.jsonl"), *(shared / "samples/bad_inputs").rglob("*.parquet")]
    assert found
    for number, path in enumerate(sorted(found)):
        corpus = tmp_path / str(number)
        corpus.mkdir()
        (corpus / path.name).write_bytes(path.read_bytes())
        made = Imported(tmp_path / f"store{number}", corpus, without_images=True)
        lines = sum(1 for line in path.read_bytes().splitlines() if line.strip()) if path.suffix == ".jsonl" else None
        if lines is not None:
            assert len(made.figures) + len(made.rejects("released.figures")) == lines
        assert len(made.items) + len(made.rejects("released.items")) == len(made.figures)

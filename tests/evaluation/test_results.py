"""Result files of every known harness are read alike; bad rows are counted, and a file of another kind is named."""

import csv
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.evaluation.formats._common import Result, options_in
from medvlsynther.evaluation.results import model_of, read_results
from medvlsynther.records import Reject

OPTIONS = {"A": "Lung", "B": "Liver", "C": "Heart (left)", "D": "A. and B."}
PROMPT = "Answer A or B.\n\nQuestion: Which organ?\n\nOptions:" + "".join(f"\n\n{k}. {v}" for k, v in OPTIONS.items())
CHATML = f"<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n"

Row = Mapping[str, Any]


def published(**changes: Any) -> dict[str, Any]:
    given = {
        "prompts": CHATML,
        "dataset_name": "pmc_vqa",
        "dataset_index": 7,
        "answer_label": "B",
        "answer": "Liver",
        "parsed_outputs": [{"output_text": "<answer>B</answer>", "pred_letter": "B", "is_correct": True}],
        "num_rollouts": 1,
    }
    return given | changes


def lmms(**changes: Any) -> dict[str, Any]:
    return {"doc_id": 7, "input": PROMPT, "target": "B", "filtered_resps": ["<answer>B</answer>"]} | changes


def vlmevalkit(**changes: Any) -> dict[str, Any]:
    return {
        "index": 7,
        "question": "Which organ?",
        **OPTIONS,
        "answer": "B",
        "prediction": "<answer>B</answer>",
    } | changes


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "question": "Which organ?",
        "options": OPTIONS,
        "answer": "B",
        "reply": "<answer>B</answer>",
    } | changes


def jsonl(path: Path, rows: list[Row], tail: str = "") -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + tail)
    return path


def tsv(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


def xlsx(path: Path, rows: list[Row]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(path)
    return path


def as_list(path: Path, rows: list[Row]) -> Path:
    path.write_text(json.dumps(rows))
    return path


def split(path: Path) -> tuple[list[Result], list[Reject]]:
    found = list(read_results(path))
    return [one for one in found if isinstance(one, Result)], [one for one in found if isinstance(one, Reject)]


@pytest.mark.parametrize(
    ("name", "row", "write"),
    [
        ("eval_results.jsonl", published(), jsonl),
        ("regraded_eval_results.jsonl", published(options=OPTIONS), jsonl),
        ("20260101_samples_set.jsonl", lmms(), jsonl),
        (
            "20260101_samples_set.jsonl",
            lmms(target="Liver", resps=[["<answer>B</answer>"]]),
            jsonl,
        ),
        ("20260101_samples_set.jsonl", lmms(input="", doc={"options": json.dumps(OPTIONS)}), jsonl),
        ("set.tsv", vlmevalkit(), tsv),
        ("set.xlsx", vlmevalkit(), xlsx),
        ("set.json", vlmevalkit(), as_list),
        ("set.jsonl", plain(), jsonl),
        ("set.jsonl", plain(options=json.dumps(OPTIONS)), jsonl),
        ("set.jsonl", plain(options=list(OPTIONS.values()), answer="Liver"), jsonl),
        ("set.jsonl", plain(options=None, prompt=PROMPT), jsonl),
        ("set.jsonl", plain(replies=["<answer>B</answer>"]), jsonl),
    ],
)
def test_every_harness_tells_the_same_question(
    tmp_path: Path, name: str, row: Row, write: Callable[[Path, list[Row]], Path]
) -> None:
    ((found,), rejects) = split(write(tmp_path / name, [row]))
    assert not rejects
    assert found.question.options == tuple(OPTIONS.values())
    assert found.question.answer == "B"
    assert [answer.text for answer in found.answers] == ["<answer>B</answer>"]
    assert found.question.question_id in ("pmc_vqa/7", "set/7")


@given(st.lists(st.text(st.characters(categories=("L", "N", "Zs")), min_size=1), min_size=2, max_size=6))
def test_options_of_a_prompt_come_back(texts: list[str]) -> None:
    texts = [" ".join(text.split()) or "x" for text in texts]
    prompt = "Choose.\nOptions:" + "".join(f"\n{letter}. {text}" for letter, text in zip("ABCDEF", texts, strict=False))
    assert options_in(prompt + "\n\nThink first.") == tuple(texts)


@given(st.text(max_size=200))
def test_any_prompt_is_read(text: str) -> None:
    assert all(isinstance(option, str) for option in options_in(text))


def test_bad_rows_are_counted_and_the_others_go_on(tmp_path: Path) -> None:
    rows: list[Row] = [
        plain(id=1),
        plain(id=1),
        plain(id=2, answer="E"),
        plain(id=3, options="no options"),
        plain(id=4, options=None),
        plain(id=5, options={"A": "x", "C": "y"}),
        plain(id=6, replies=[]),
        {"foo": 1},
        plain(id=7),
    ]
    results, rejects = split(jsonl(tmp_path / "set.jsonl", rows, tail='3\n"x"\n{"id": 8, "rep'))
    assert [one.question.question_id for one in results] == ["set/1", "set/6", "set/7"]
    assert [one.reason for one in rejects] == [
        "duplicate_id", "gold_outside_options", "options_unreadable", "no_options", "option_letters",
        "format_unknown", "row_unreadable", "row_unreadable", "row_unreadable",
    ]  # fmt: skip
    assert results[1].answers[0].failure == "no_reply"


FIELDS = st.sampled_from([*plain(), *published(), *lmms(), *vlmevalkit()])
ROWS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=8),
    max_leaves=20,
)


@given(ROWS)
def test_whatever_a_row_holds_it_is_read_or_counted(row: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.jsonl"
        path.write_text(json.dumps(row) + "\n")
        results, rejects = split(path)
    assert len(results) + len(rejects) == 1


def test_deep_long_and_crooked_values_end_quickly(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    lines = [
        json.dumps(plain(id=1)).replace('"<answer>B</answer>"', deep),
        json.dumps(plain(id=2, reply="<answer>A" * 100_000)),
        json.dumps(plain(id={"a": 1})),
        json.dumps(plain(id=4)).replace('"Which?"', '"\\ud800"'),
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(lines))
    results, rejects = split(tmp_path / "set.jsonl")
    assert [one.answers[0].failure for one in results] == ["no_reply", "reply_too_long", None, None]
    assert not rejects
    assert results[2].question.question_id == "set/row 3"


def test_a_table_goes_on_after_a_cell_that_is_too_long(tmp_path: Path) -> None:
    rows: list[Row] = [vlmevalkit(), vlmevalkit(index=8, question="x" * 200_000), vlmevalkit(index=9)]
    results, rejects = split(tsv(tmp_path / "set.tsv", rows))
    assert [one.question.question_id for one in results] == ["set/7", "set/9"]
    assert [one.reason for one in rejects] == ["row_unreadable"]


def test_files_that_are_no_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        list(read_results(tmp_path / "nothing.jsonl"))
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.xlsx").write_bytes(b"no workbook")
    for name in ("a.pdf", "a.json", "a.xlsx"):
        with pytest.raises(BadSetting):
            list(read_results(tmp_path / name))


def test_published_files_are_called_after_their_folder() -> None:
    assert model_of(Path("/outputs/Qwen2.5-VL-7B/regraded_eval_results.jsonl")) == "Qwen2.5-VL-7B"
    assert model_of(Path("/outputs/mine.jsonl")) == "mine"

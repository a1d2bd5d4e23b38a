"""Every format is read whole: what can be asked, what cannot, and why."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medvlsynther import catalog
from medvlsynther.cards import Benchmark
from medvlsynther.errors import MissingInput
from medvlsynther.questions.entry import Entry
from medvlsynther.questions.images import Images
from medvlsynther.questions.reading import Source, local, read_entries, read_questions
from medvlsynther.records import Question, Reject
from medvlsynther.store.corpus import Corpus

PNG = b"\x89PNG not decoded here"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def source(folder: Path, name: str, split: str = "test", *, selected: bool = True) -> Source:
    return Source(name, Corpus.at(folder), split, Benchmark.load(name), selected)


def entries(given: Source) -> list[Entry]:
    return [entry for entry in read_entries(given) if isinstance(entry, Entry)]


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PNG)


def served(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "images": [{"bytes": PNG, "path": "a.png"}],
        "question": f"Question {number}?",
        "options": json.dumps({"A": "Yes", "B": "No"}),
        "answer_label": "A",
        "answer": "Yes",
        "dataset_name": "slake_closed",
        "dataset_index": number,
        "misc": None,
    }
    return row | changes


def write_served(path: Path, rows: list[dict[str, Any]]) -> None:
    schema = pa.schema(
        [
            ("images", pa.list_(IMAGE)),
            *(
                (name, pa.string())
                for name in ("question", "options", "answer_label", "answer", "dataset_name", "misc")
            ),
            ("dataset_index", pa.int64()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def test_the_joint_set_gives_the_rows_of_the_set_asked_for(tmp_path: Path) -> None:
    rows = [served(0), served(1, dataset_name="pmc_vqa"), served(2, misc='{"id": "x7"}')]
    write_served(tmp_path / "test-00000.parquet", rows)
    found = list(read_questions(source(tmp_path, "slake")))
    assert [one.question_id for one in found if isinstance(one, Question)] == ["slake/0", "slake/2"]
    assert entries(source(tmp_path, "slake"))[1].keys == ("item:slake_closed/x7",)
    assert Images(tmp_path).read("test-00000.parquet#2/images/0") == PNG


def test_every_row_ends_as_a_question_or_a_reject(tmp_path: Path) -> None:
    rows = [
        served(0),
        served(0),
        served(2, answer="Perhaps", answer_label="C"),
        served(3, options="{"),
        served(4, question=" "),
        served(5, options=None),
        served(6, images=[]),
        served(7, images=[{"bytes": None, "path": "gone.png"}]),
        served(8, answer_label="B"),
    ]
    write_served(tmp_path / "test.parquet", rows)
    found = list(read_questions(source(tmp_path, "slake")))
    assert len(found) == len(rows)
    reasons = [one.reason if isinstance(one, Reject) else "" for one in found]
    assert reasons == [
        "", "duplicate_id", "gold_outside_options", "options_unreadable", "no_question", "no_options", "",
        "image_missing", "gold_contradicts_itself",
    ]  # fmt: skip


def test_entries_keep_what_an_audit_must_see_under_ids_of_their_own(tmp_path: Path) -> None:
    write_served(tmp_path / "test.parquet", [served(0), served(0), served(2, options=None)])
    assert [(one.id, one.faults) for one in entries(source(tmp_path, "slake"))] == [
        ("slake/0", ()),
        ("slake/0~2", ("duplicate_id",)),
        ("slake/2", ("no_options",)),
    ]


def test_options_may_be_a_struct_or_a_list(tmp_path: Path) -> None:
    table = pa.table(
        {
            "question": ["a?", "b?"],
            "options": pa.array([{"A": "x", "B": "y", "C": None}, {"A": "x", "B": "y", "C": "z"}]),
            "answer_label": ["A", "C"],
        }
    )
    pq.write_table(table, tmp_path / "own.parquet")
    found = list(read_entries(Source("own", Corpus.at(tmp_path))))
    assert [one.options for one in found if isinstance(one, Entry)] == [("x", "y"), ("x", "y", "z")]


def test_slake_has_both_languages_and_the_card_selects_the_evaluated_part(shared: Path) -> None:
    whole = entries(source(shared / "samples" / "slake", "slake", selected=False))
    assert Counter(entry.language for entry in whole) == {"en": 1061, "zh": 1033}
    assert len({entry.image_keys for entry in whole}) == 180
    chosen = entries(source(shared / "samples" / "slake", "slake"))
    assert len(chosen) == Benchmark.load("slake").count
    assert {one.id for one in chosen} <= {one.id for one in whole}


def test_pmc_vqa_names_articles_and_figures(tmp_path: Path) -> None:
    header = ["Figure_path", "Question", "Anwser", "Choice A", "Choice B", "Choice C", "Choice D", "Answer_label"]
    row = ["PMC1064097_F1.jpg", "What uptake?", "Focal", " A:Diffuse", " B:Focal ", "C:None", "D:Unclear", "B"]
    put(tmp_path, "images/PMC1064097_F1.jpg")
    for name in ("test_clean.csv", "train.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, row])
    (entry,) = entries(source(tmp_path, "pmc_vqa"))
    assert entry.options == ("Diffuse", "Focal", "None", "Unclear")
    assert (entry.letter, entry.keys) == ("B", ("pmcid:PMC1064097",))
    assert "figure:PMC1064097/1" in entry.image_keys[0]
    assert Images(tmp_path).read(entry.images[0].member) == PNG


def test_pmc_vqa_second_version_gives_the_letter_as_the_answer(tmp_path: Path) -> None:
    header = ["index", "Figure_path", "Caption", "Question", "Choice A", "Choice B", "Answer", "split"]
    with (tmp_path / "test_clean.csv").open("w", newline="") as file:
        rows = [
            ["7", "PMC1_F1.jpg", "c", "q?", "CT", "MRI", "B", "test"],
            ["8", "x", "c", "q?", "CT", "MRI", "A", "train"],
        ]
        csv.writer(file).writerows([header, *rows])
    (entry,) = entries(source(tmp_path, "pmc_vqa"))
    assert (entry.id, entry.letter, entry.answer) == ("pmc_vqa/7", "B", "MRI")


def test_vqa_rad_tells_splits_by_the_kind_of_phrase(tmp_path: Path) -> None:
    rows = [
        {"qid": 1, "phrase_type": "freeform", "answer": "Yes", "answer_type": "CLOSED"},
        {
            "qid": 2,
            "phrase_type": "test_para",
            "answer": "no ",
            "answer_type": "CLOSED ",
            "image_case_url": "https://x/1",
        },
        {"qid": 3, "phrase_type": "test_freeform", "answer": "liver", "answer_type": "OPEN"},
    ]
    rows = [{"image_name": "s1.jpg", "question": "q", **row} for row in rows]
    (tmp_path / "VQA_RAD Dataset Public.json").write_text(json.dumps(rows))
    whole = entries(source(tmp_path, "vqa_rad", selected=False))
    assert [one.id for one in whole] == ["vqa_rad/2", "vqa_rad/3"]
    assert whole[0].keys == ("item:vqa_rad/2", "case:https://x/1")
    assert [one.id for one in entries(source(tmp_path, "vqa_rad"))] == ["vqa_rad/2"]


def test_pathvqa_is_closed_where_the_answer_is_yes_or_no(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": pa.array([{"bytes": PNG, "path": None}] * 2, IMAGE),
            "question": ["is it?", "what is it?"],
            "answer": ["yes", "a gland"],
        }
    )
    pq.write_table(table, tmp_path / "test-00000-of-00001.parquet")
    assert [one.id for one in entries(source(tmp_path, "pathvqa"))] == ["pathvqa/0"]
    whole = entries(source(tmp_path, "pathvqa", selected=False))
    assert Images(tmp_path).read(whole[1].images[0].member) == PNG


def test_medxpertqa_takes_the_options_off_the_question(tmp_path: Path) -> None:
    row = {
        "id": "MM-1",
        "question": "What?\nAnswer Choices: (A) x (B) y",
        "options": {"A": "x", "B": "y"},
        "label": "B",
        "images": ["MM-1-a.jpeg", "MM-1-b.jpeg"],
    }
    (tmp_path / "MM").mkdir()
    (tmp_path / "MM" / "test.jsonl").write_text(json.dumps(row) + "\n\n")
    put(tmp_path, "images/MM-1-a.jpeg")
    (entry,) = entries(source(tmp_path, "medxpertqa_mm"))
    assert (entry.question, entry.answer) == ("What?", "y")
    assert [one.member for one in entry.images] == ["images/MM-1-a.jpeg", "MM-1-b.jpeg"]


def test_mmmu_keeps_all_its_images_and_their_places(tmp_path: Path) -> None:
    columns = {
        "id": ["v_1", "v_2"],
        "question": ["Left of <image 1> and <image 2>?", "How many?"],
        "options": ["['one', \"it's two\"]", "[]"],
        "answer": ["B", "7"],
        "question_type": ["multiple-choice", "open"],
        "image_1": pa.array([{"bytes": PNG, "path": "a"}] * 2, IMAGE),
        "image_2": pa.array([{"bytes": PNG, "path": "b"}, None], IMAGE),
    }
    (tmp_path / "Pharmacy").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "Pharmacy" / "validation-00000-of-00001.parquet")
    (entry,) = entries(source(tmp_path, "mmmu_medical"))
    assert (entry.question, entry.answer, len(entry.images)) == ("Left of <image 1> and <image 2>?", "it's two", 2)
    assert len(entries(source(tmp_path, "mmmu_medical", selected=False))[1].images) == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("test.json", b"[{]", "file_unreadable"),
        ("test.json", b'{"a": 1}', "file_unreadable"),
        ("test.json", b"[1]", "row_unreadable"),
        ("test.json", b"\xff\xfe", "file_unreadable"),
    ],
)
def test_a_damaged_file_is_counted(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = list(read_entries(source(tmp_path, "slake")))
    assert [one.reason for one in found if isinstance(one, Reject)] == [reason]


def test_a_damaged_parquet_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test.parquet").write_bytes(b"PAR1 and no more")
    (found,) = read_entries(source(tmp_path, "pathvqa"))
    assert isinstance(found, Reject)
    assert found.reason == "file_unreadable"


def test_a_folder_without_the_split_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text("[]")
    with pytest.raises(MissingInput, match=r"train\.json"):
        list(read_entries(source(tmp_path, "slake")))


def test_a_set_on_the_hub_that_cannot_be_fetched_is_a_missing_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingInput, match="no-such/set"):
        local("hub:no-such/set")


@pytest.mark.parametrize("name", catalog.names("benchmarks"))
def test_every_card_names_a_format_that_exists(name: str) -> None:
    form = catalog.module("questions.formats", Benchmark.load(name).format)
    assert callable(form.entry)
    assert all(suffix.startswith(".") for suffix in form.SUFFIXES)

"""The audit from files to report, as a recipe runs it."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from medvlsynther.audit.sets import Exhibit
from medvlsynther.errors import BadSetting, UserError
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import Finished, run
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Overlap
from medvlsynther.store.table import Table
from tests.audit.drawn import png, scene

KIND = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
LAYERS = ("identity", "images", "text", "joint")


def write_set(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """A data set with the columns of our own exports."""
    plain = [
        {
            "images": [{"bytes": data, "path": f"{place}.png"} for place, data in enumerate(row.get("images", ()))],
            "question": row.get("question", f"Question number {number} of {path.stem}, about what is seen here?"),
            "options": json.dumps(dict(zip("ABCDE", row.get("options", ("Yes", "No"))))),
            "answer_label": row.get("letter", "A"),
            "dataset_index": number,
            "pmcid": row.get("pmcid"),
            "figure_label": row.get("figure_label", ""),
        }
        for number, row in enumerate(rows)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = [("question", pa.string()), ("options", pa.string()), ("answer_label", pa.string())]
    schema = pa.schema(
        [
            ("images", KIND),
            *fields,
            ("dataset_index", pa.int64()),
            ("pmcid", pa.string()),
            ("figure_label", pa.string()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(plain, schema=schema), path)


def audit(
    folder: Path,
    train: Mapping[str, Any],
    test: Mapping[str, Any],
    stages: Iterable[str] = LAYERS,
    **settings: Mapping[str, Any],
) -> list[Finished]:
    """An audit of one set against another."""
    listed = {"audit.read": {"train": [dict(train)], "against": [dict(test)]}}
    listed |= {f"audit.{name}": dict(settings.get(name, {})) for name in stages}
    (folder / "own.yaml").write_text(yaml.safe_dump({"description": "x", "stages": listed}, sort_keys=False))
    return run(load_recipe(str(folder / "own.yaml")), Site(store=str(folder / "store"), workers=1))


def table(folder: Path, finished: list[Finished], number: int = -1) -> list[Overlap]:
    step = finished[number].step
    return list(Table(Overlap, folder / "store" / "steps" / step.id / "overlaps.parquet"))


def classes(rows: Iterable[Overlap]) -> dict[tuple[str, str], str | None]:
    return {(row.train_id, row.test_id): row.kind for row in rows if row.layer == "joint"}


def report_of(folder: Path, finished: list[Finished]) -> tuple[Path, dict[str, Any]]:
    step = next(one.step for one in finished if one.step.name == "audit.report")
    place = folder / "store" / "steps" / step.id
    return place, json.loads((place / "report.json").read_bytes())


def bad(shared: Path, name: str, split: str) -> dict[str, str]:
    return {"path": str(shared / "samples" / "bad_inputs" / name), "split": split, "name": split}


@pytest.mark.parametrize(
    ("name", "measure", "image"),
    [
        ("i01_original_vs_resized", "phash:whole", 0),
        ("i02_second_image_is_the_copy", "sha256", 1),
        ("t01_one_duplicate_pair", "exact:item", None),
    ],
)
def test_what_the_published_audit_overlooks_is_found(
    tmp_path: Path, shared: Path, name: str, measure: str, image: int | None
) -> None:
    rows = table(tmp_path, audit(tmp_path, bad(shared, name, "train"), bad(shared, name, "test")))
    assert (measure, image) in {(row.measure, row.train_image) for row in rows}
    assert classes(rows) == {("train/0", "test/0"): "identical_item"}


def test_slakes_leak_lies_between_its_languages(tmp_path: Path, shared: Path) -> None:
    folder = str(shared / "samples" / "slake")
    train, test = ({"benchmark": "slake", "path": folder, "split": split} for split in ("train", "test"))
    finished = audit(tmp_path, train, test, ("identity", "joint", "report"))
    _, facts = report_of(tmp_path, finished)
    (comparison,) = facts["comparisons"]
    images = {line["language"]: line["test_images"] for line in comparison["lines"] if line["what"] == "same image"}
    assert (images["all"]["found"], images["all"]["total"]) == (142, 180)
    assert (images["en"]["found"], images["en"]["total"]) == (0, 96)
    assert (images["zh"]["found"], images["zh"]["total"]) == (0, 96)
    assert {"set_name": "slake", "reason": "image_missing", "count": 2094} in facts["unchecked"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A train and a test set that share things in every way."""
    folder = tmp_path_factory.mktemp("sets")
    pictures = [png(scene(seed)) for seed in range(12)]
    lobes = {"question": "Which lobe of the brain is coloured red in this map?", "options": ("Frontal", "Parietal")}
    train = [
        {"images": [pictures[0]], **lobes},
        {"images": [pictures[1]], "question": "Which side is affected?", "options": ("Left", "Right")},
        {"images": [pictures[2]], "question": "What does the scan show at its centre?", "options": ("Cyst", "Abscess")},
        {"images": [pictures[3]], "pmcid": "PMC12", "figure_label": "Fig. 1"},
        {"images": [pictures[4]], "question": "Which imaging modality was used to acquire this image of the patient?",
         "options": ("CT", "MRI")},
        {"images": [b"no image"], "question": "Where exactly does the long black arrow point to in this figure?",
         "options": ("Apex", "Base")},
    ]  # fmt: skip
    test = [
        {"images": [png(scene(0).resize((200, 175)))], **lobes},
        {"images": [pictures[7], pictures[1]], "question": "Where is the lesion seen here?", "options": ("Left", "Up")},
        {"images": [pictures[2]], "question": "Name the modality of this image.", "options": ("CT", "MRI")},
        {"images": [pictures[8]], "pmcid": "PMC12", "figure_label": "Fig. 2"},
        {"images": [pictures[9]], "question": "Which imaging modality was used to acquire this image of the patient?",
         "options": ("CT", "MRI"), "letter": "B"},
        {"images": [pictures[10]], "question": "Where exactly does the long black arrow point to in this figure?",
         "options": ("Apex", "Base")},
    ]  # fmt: skip
    write_set(folder / "train.parquet", train)
    write_set(folder / "test.parquet", test)
    return folder


def given(sets: Path, split: str) -> dict[str, str]:
    return {"path": str(sets / f"{split}.parquet"), "split": split, "name": split}


def test_each_pair_gets_its_class(tmp_path: Path, sets: Path) -> None:
    found = classes(table(tmp_path, audit(tmp_path, given(sets, "train"), given(sets, "test"))))
    assert found == {
        ("train/0", "test/0"): "identical_item",
        ("train/1", "test/1"): "same_image_same_fact",
        ("train/2", "test/2"): "same_image_other_fact",
        ("train/3", "test/3"): "same_article",
        ("train/4", "test/4"): "template_only",
        ("train/5", "test/5"): "unresolved",
    }


def test_the_report_holds_counts_power_pairs_and_what_was_not_checked(tmp_path: Path, sets: Path) -> None:
    stages = (*LAYERS, "calibrate", "report")
    finished = audit(tmp_path, given(sets, "train"), given(sets, "test"), stages, calibrate={"images": 3, "texts": 6})
    place, facts = report_of(tmp_path, finished)
    (comparison,) = facts["comparisons"]
    lines = {line["what"]: line for line in comparison["lines"] if line["language"] == "all"}
    assert lines["same image"]["test_items"]["found"] == 3
    assert lines["same image"]["test_images"] == lines["same image"]["test_images"] | {"found": 3, "total": 7}
    assert lines["class unresolved"]["train_items"] == 1
    assert "planted" in comparison["sentence"]
    assert {"set_name": "train", "reason": "image_corrupt", "count": 1} in facts["unchecked"]
    assert facts["missing_layers"] == ["audit.copies", "audit.rephrase"]
    html = (place / "report.html").read_text()
    assert html.count("data:image/jpeg;base64,") >= 6
    with (place / "removal.csv").open(newline="") as file:
        assert sorted(row["train_id"] for row in csv.DictReader(file)) == [f"train/{n}" for n in (0, 1, 2, 5)]
    with (place / "adjudication.csv").open(newline="") as file:
        assert {"rater_1", "rater_2"} <= set(next(csv.reader(file)))


def test_a_filled_sheet_gives_the_raters_agreement(tmp_path: Path, sets: Path) -> None:
    sheet = tmp_path / "filled.csv"
    sheet.write_text("pair,rater_1,rater_2\n1,same,same\n2,same,different\n3,different,different\n4,,same\n")
    stages = (*LAYERS, "report")
    finished = audit(tmp_path, given(sets, "train"), given(sets, "test"), stages, report={"adjudication": str(sheet)})
    _, facts = report_of(tmp_path, finished)
    assert facts["adjudication"]["judged"] == 3
    assert facts["adjudication"]["same"] == 1
    assert 0 < facts["adjudication"]["agreement"] < 1


def test_none_found_without_calibration_says_that_it_says_nothing(tmp_path: Path, sets: Path) -> None:
    write_set(tmp_path / "other.parquet", [{"images": [png(scene(99))]}])
    other = {"path": str(tmp_path / "other.parquet"), "name": "other"}
    _, facts = report_of(tmp_path, audit(tmp_path, given(sets, "train"), other, (*LAYERS, "report")))
    assert facts["comparisons"][0]["sentence"].startswith("None found")
    assert "nothing is known" in facts["comparisons"][0]["sentence"]


def test_a_budget_ends_the_run_and_keeps_the_report(tmp_path: Path, sets: Path) -> None:
    stages = (*LAYERS, "report", "budget")
    with pytest.raises(UserError, match="4 test items overlap") as caught:
        audit(tmp_path, given(sets, "train"), given(sets, "test"), stages)
    assert caught.value.exit_code != 0
    assert list((tmp_path / "store" / "steps").glob("audit.report-*/report.html"))
    audit(tmp_path, given(sets, "train"), given(sets, "test"), stages, budget={"most": 4})


def test_a_budget_over_unjudged_pairs_is_refused(tmp_path: Path, sets: Path) -> None:
    with pytest.raises(BadSetting, match=r"audit\.joint"):
        audit(tmp_path, given(sets, "train"), given(sets, "test"), ("images", "budget"))


def test_a_manifest_stands_in_for_a_set_and_gives_neither_text_nor_picture(tmp_path: Path, sets: Path) -> None:
    whole = audit(tmp_path, given(sets, "train"), given(sets, "test"))
    (manifest,) = (tmp_path / "store" / "steps" / whole[0].step.id / "manifests").glob("test.*")
    hidden = list(Table(Exhibit, manifest))
    assert all(not (one.stem or one.options or one.key) for one in hidden)
    assert all(not (image.small or image.member) for one in hidden for image in one.images)
    copy = tmp_path / "handed-on" / manifest.name
    copy.parent.mkdir()
    copy.write_bytes(manifest.read_bytes())
    found = audit(
        tmp_path, given(sets, "train"), {"path": str(copy.parent), "name": "hidden"}, ("images", "text", "joint")
    )
    rows = table(tmp_path, found)
    images = {(row.train_id, row.test_id) for row in rows if row.layer in ("pixels", "bytes", "perceptual")}
    assert images == {(f"train/{n}", f"test/{n}") for n in range(3)}
    assert ("train/5", "test/5") in {(row.train_id, row.test_id) for row in rows if row.layer == "text"}


def test_a_set_is_compared_with_itself_when_asked(tmp_path: Path) -> None:
    picture = png(scene(5))
    write_set(tmp_path / "a.parquet", [{"images": [picture]}, {"images": [png(scene(6))]}, {"images": [picture]}])
    write_set(tmp_path / "b.parquet", [{"images": [png(scene(7))]}])
    own = {"path": str(tmp_path / "a.parquet"), "name": "a", "within": True}
    rows = table(tmp_path, audit(tmp_path, own, {"path": str(tmp_path / "b.parquet"), "name": "b"}))
    assert {(row.train_id, row.test_id) for row in rows if row.layer == "bytes"} == {("a/0", "a/2")}


def test_two_sets_with_the_same_ids_stay_apart_and_two_with_one_name_are_refused(tmp_path: Path, sets: Path) -> None:
    twin = given(sets, "train") | {"name": "twin", "role": "test"}
    rows = table(tmp_path, audit(tmp_path, given(sets, "train"), twin))
    assert {(f"train/{n}", f"twin/{n}") for n in range(5)} <= set(classes(rows))
    with pytest.raises(BadSetting, match="Two sets are called 'train'"):
        audit(tmp_path, given(sets, "train"), twin | {"name": "train"})


def test_sets_without_images_or_texts_are_counted_and_never_clean(tmp_path: Path) -> None:
    write_set(tmp_path / "train.parquet", [{"question": ""}, {"images": [b""]}, {"images": [b"\x89PNG\r\n\x1a\n"]}])
    write_set(tmp_path / "test.parquet", [{"question": "", "options": ()}, {}])
    finished = audit(tmp_path, given(tmp_path, "train"), given(tmp_path, "test"), (*LAYERS, "report"))
    _, facts = report_of(tmp_path, finished)
    reasons = {(one["set_name"], one["reason"]): one["count"] for one in facts["unchecked"]}
    assert reasons["test", "item_without_image"] == 2
    assert reasons["train", "image_corrupt"] == 1
    assert sum(count for (_, reason), count in reasons.items() if reason.startswith("image_")) >= 2
    assert reasons["test", "no_text"] == 1


SCRIPT = """
import sys
from pathlib import Path
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
for one in run(load_recipe(sys.argv[1]), Site(store=sys.argv[2], workers=int(sys.argv[3]))):
    table = Path(sys.argv[2]) / "steps" / one.step.id / one.step.table
    print(one.step.id, __import__("hashlib").sha256(table.read_bytes()).hexdigest())
"""


def test_no_hash_seed_and_no_number_of_processes_reaches_a_result(tmp_path: Path, sets: Path) -> None:
    audit(tmp_path, given(sets, "train"), given(sets, "test"), (*LAYERS, "calibrate"), calibrate={"images": 2})
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "own.yaml"), str(tmp_path / f"store{seed}"), workers],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, workers in (("1", "1"), ("2", "2"))
    ]
    assert said[0] == said[1]


def test_prints_that_were_taken_once_are_not_taken_again(
    tmp_path: Path, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = audit(tmp_path, given(sets, "train"), given(sets, "test"), ())
    monkeypatch.setattr("medvlsynther.audit.gather.printed", None)
    again = audit(tmp_path, given(sets, "train"), given(sets, "test") | {"within": True}, ())
    assert again[0].fresh
    assert again[0].manifest["rows"] == first[0].manifest["rows"]

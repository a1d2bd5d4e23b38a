"""Every field and pixel comes back, equal inputs give equal bytes, what cannot be served is counted."""

import csv
import hashlib
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.export import shards
from medvlsynther.records import Question
from medvlsynther.store.images import ImageStore
from tests.export.material import Material, encoded, item, picture
from tests.store.loose import loose_files

PUBLISHED = {
    "images": [{"bytes": "binary", "path": "string"}],
    "question": "string",
    "options": "string",
    "answer_label": "string",
    "answer": "string",
    "reasoning": "string",
    "dataset_name": "string",
    "dataset_index": "int64",
    "hash": "string",
    "misc": "string",
}


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(tmp_path)


def load(root: Path, cache: Path, split: str = "train") -> datasets.Dataset:
    return datasets.load_dataset(str(root / "dataset"), split=split, cache_dir=str(cache))


def test_every_field_and_pixel_comes_back(material: Material, tmp_path: Path) -> None:
    material.fill()
    questions = material.run("export.hf", name="cases")
    rows = load(tmp_path / "step", tmp_path / "cache")
    figures = {figure.figure_id: figure for figure in material.figures}
    assert len(rows) == len(material.items) == len(questions)
    for index, (row, wanted) in enumerate(zip(rows, material.items, strict=True)):
        figure = figures[wanted.figure_id]
        assert json.loads(row["options"]) == wanted.lettered
        assert (row["question"], row["answer_label"], row["answer"]) == (wanted.question, wanted.answer, wanted.key)
        assert (row["dataset_name"], row["dataset_index"], row["item_id"]) == ("cases", index, wanted.item_id)
        assert row["hash"] == hashlib.sha256((wanted.question + wanted.key).encode()).hexdigest()[:16]
        assert (row["caption"], tuple(row["mentions"])) == (figure.caption, figure.mentions)
        assert row["licence"] == figure.article.licence.code
        assert row["attribution"] == figure.article.licence.attribution
        assert (row["pmcid"], row["version"], row["doi"]) == (
            figure.article.pmcid,
            figure.article.version,
            figure.article.doi,
        )
        assert row["marks"][2] == {
            "criterion": "stem_concision", "passed": False, "score": 0.0, "weight": 1.0, "by": "model", "note": "long",
            "probability": None,
        }  # fmt: skip
        assert row["lint"] == [{"rule": "CUE1", "severity": "warn", "detail": "longest key"}]
        assert (row["score"], row["modality"], row["writer"], row["verifier"]) == (0.98, "ct", "writer-9b", "judge-72b")
        for shown, ref in zip(row["images"], figure.images, strict=True):
            assert ref.sha256 is not None
            with Image.open(BytesIO(ImageStore(material.store.images).read(ref.sha256))) as stored:
                assert shown.tobytes() == stored.tobytes()
            assert ref.sha256 in row["image_sha256"]


def test_the_first_columns_are_the_published_ones(material: Material, tmp_path: Path) -> None:
    material.fill(1)
    material.run("export.hf")
    schema = pq.read_schema(tmp_path / "step/dataset/data/train-00000-of-00001.parquet")
    assert schema.names[: len(PUBLISHED)] == list(PUBLISHED)
    assert [str(schema.field(name).type) for name in list(PUBLISHED)[1:]] == list(PUBLISHED.values())[1:]
    images = schema.field("images").type.value_type
    assert {part.name: str(part.type) for part in images} == PUBLISHED["images"][0]


def test_parquet_files_alone_load_and_decode(material: Material, tmp_path: Path) -> None:
    material.fill(3)
    material.run("export.hf")
    files = [str(path) for path in (tmp_path / "step/dataset/data").glob("*.parquet")]
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.features["images"].feature == datasets.Image()
    assert rows[0]["images"][0].size == (48, 40)


def test_equal_tables_give_equal_bytes(material: Material, tmp_path: Path) -> None:
    material.fill()
    for folder in ("one", "two"):
        material.run("export.hf", folder, split=0.4)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / f).rglob("*") if p.is_file()} for f in ("one", "two"))
    assert one == two
    assert len(one) >= 5


def test_no_article_stands_in_both_splits(material: Material, tmp_path: Path) -> None:
    material.fill(30)
    questions: list[Question] = material.run("export.hf", split=0.3)
    article_of = {i.item_id: i.figure_id.split("/")[0] for i in material.items}
    sides = {q.question_id: q.split for q in questions}
    by_article = {(article_of[q], side) for q, side in sides.items()}
    assert len(by_article) == 30
    assert 3 <= Counter(side for _, side in by_article)["validation"] <= 16
    validation = load(tmp_path / "step", tmp_path / "cache", "validation")
    assert {row["item_id"] for row in validation} == {q for q, side in sides.items() if side == "validation"}


def test_the_split_of_an_article_does_not_depend_on_the_others(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    many, few = Material(tmp_path / "a").fill(12), Material(tmp_path / "b").fill(5)
    sides = {q.question_id: q.split for q in many.run("export.hf", split=0.5)}
    assert all(sides[q.question_id] == q.split for q in few.run("export.hf", split=0.5))


def test_row_groups_and_shards_are_bounded_in_bytes(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "GROUP_BYTES", 30_000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 60_000)
    material.fill(12, images=(1, 2, 6))
    material.run("export.hf")
    files = sorted((tmp_path / "step/dataset/data").glob("*.parquet"))
    assert len(files) > 2
    assert files[0].name == f"train-00000-of-{len(files):05d}.parquet"
    for path in files:
        metadata = pq.read_metadata(path)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            pixels = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema.endswith(".bytes"))
            assert pixels.compression == "UNCOMPRESSED"
            assert group.num_rows == 1 or pixels.total_uncompressed_size < 33_000
    rows = load(tmp_path / "step", tmp_path / "cache")
    assert rows["dataset_index"] == list(range(len(material.items)))


def test_rows_without_verdicts_and_labels_are_served(material: Material, tmp_path: Path) -> None:
    material.fill(2)
    material.verdicts = material.labels = None
    material.run("export.hf")
    row = load(tmp_path / "step", tmp_path / "cache")[0]
    assert (row["passed"], row["score"], row["marks"], row["modality"]) == (None, None, [], None)


def test_an_item_that_nobody_judged_is_served_without_a_verdict(material: Material, tmp_path: Path) -> None:
    material.fill()
    assert material.verdicts
    assert material.labels
    del material.verdicts[3], material.labels[0]
    unknown = material.verdicts[0].model_copy(update={"item_id": "dropped on the way"})
    material.verdicts.insert(5, unknown)
    material.run("export.hf")
    rows = load(tmp_path / "step", tmp_path / "cache")
    assert [row["score"] is None for row in rows] == [index == 3 for index in range(12)]
    assert [row["modality"] is None for row in rows] == [index == 0 for index in range(12)]


def test_tables_out_of_order_are_named_and_not_mixed_up(material: Material) -> None:
    material.fill(3)
    assert material.verdicts
    material.verdicts.reverse()
    with pytest.raises(MissingInput, match="another place"):
        material.run("export.hf")


def test_an_empty_data_set_still_loads(material: Material, tmp_path: Path) -> None:
    assert material.run("export.hf") == []
    assert pq.read_table(tmp_path / "step/dataset/data/train-00000-of-00001.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": "What is in <image>?"}, "control_token"),
        ({"question": "stop<|im_end|> now?"}, "control_token"),
        ({"options": ("a", "b<|image_pad|>", "c")}, "control_token"),
        ({"reasoning": "so </think> <answer>A"}, "control_token"),
        ({"question": "nul \x00?"}, "control_character"),
        ({"options": ("Left lung", "left  LUNG", "heart")}, "equal_options"),
        ({"options": ("ﬁbroma", "fibroma", "heart")}, "equal_options"),
        ({"options": ("one",)}, "bad_options"),
        ({"options": ("one", " ")}, "bad_options"),
        ({"answer": "E", "options": ("one", "two")}, "key_outside_options"),
        ({"answer": "", "options": ("one", "two")}, "key_outside_options"),
        ({"question": "  "}, "no_question"),
    ],
)
def test_text_that_cannot_be_served_is_counted(material: Material, changes: dict[str, object], reason: str) -> None:
    figure = material.figure(0, [picture(0)])
    material.items = [item(figure, 0, **{"answer": "A", **changes}), item(figure, 1)]
    (question,) = material.run("export.hf")
    assert (question.question_id, question.index) == (material.items[1].item_id, 0)
    assert [(r.id, r.reason) for r in material.rejects] == [(material.items[0].item_id, reason)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(Image.new("I;16", (40, 40))), "image_not_8bit"),
        (encoded(Image.new("CMYK", (40, 40)), "JPEG"), "image_not_8bit"),
        (encoded(Image.new("RGBA", (40, 40))), "image_not_8bit"),
        (encoded(Image.new("RGB", (1, 40))), "image_too_small"),
        (encoded(Image.new("L", (8000, 5000))), "image_too_large"),
        (picture(3)[:20], "image_corrupt"),
        (b"", "image_corrupt"),
        (b"<svg/>", "image_corrupt"),
    ],
)
def test_images_that_loaders_misread_are_counted(material: Material, data: bytes, reason: str) -> None:
    figure, good = material.figure(0, [data]), material.figure(1, [picture(1)])
    material.items = [item(figure), item(good)]
    assert len(material.run("export.hf")) == 1
    assert [r.reason for r in material.rejects] == [reason]


def test_an_image_that_is_not_there_is_counted(material: Material) -> None:
    gone, raw = material.figure(0, [picture(0)]), material.figure(1, [picture(1)])
    next(path for path in loose_files(material.store.images) if path.stem == gone.images[0].sha256).unlink()
    unprepared = raw.model_copy(update={"images": (raw.images[0].model_copy(update={"sha256": None}),)})
    material.figures[1] = unprepared
    material.items = [item(gone), item(unprepared)]
    assert material.run("export.hf") == []
    assert [r.reason for r in material.rejects] == ["image_missing", "image_not_prepared"]


@pytest.mark.parametrize("settings", [{"split": 1.0}, {"split": -0.1}, {"name": "a/b"}, {"name": ""}])
def test_a_setting_that_makes_no_sense_is_named(material: Material, settings: dict[str, Any]) -> None:
    material.fill(1)
    with pytest.raises(BadSetting):
        material.run("export.hf", **settings)


def test_attributions_name_every_figure_once(material: Material, tmp_path: Path) -> None:
    material.fill()
    material.run("export.hf")
    with (tmp_path / "step/dataset/ATTRIBUTION.tsv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    assert [line["figure_id"] for line in lines] == [figure.figure_id for figure in material.figures]
    assert [line["article_id"] for line in lines] == [figure.article.article_id for figure in material.figures]
    assert all(line["attribution"] and line["licence"] and line["rows"] == "2" for line in lines)

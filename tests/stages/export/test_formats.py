"""What holds for every format: equal bytes for equal tables, each item served or counted, its source never lost."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets
import orjson
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from medvlsynther import catalog
from medvlsynther.errors import BadSetting
from tests.export.material import Material, item, picture
from tests.store.loose import loose_files

FORMATS = sorted(name for name in catalog.modules("stages") if name.startswith("export."))
NEEDED: dict[str, dict[str, Any]] = {"export.trl": {"kind": "grpo"}}


@pytest.fixture(params=FORMATS)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(tmp_path).fill()


def leaves(value: object) -> Iterable[object]:
    """All plain values below a nested one."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def rows(dataset: Path) -> list[dict[str, Any]]:
    """Rows of a data set with all that stands beside them."""
    found: list[dict[str, Any]] = []
    for path in sorted(dataset.glob("data/*.parquet")):
        found += pq.read_table(path).to_pylist()
    for path in sorted(dataset.glob("*.jsonl")):
        evidence = (dataset / "evidence" / path.name).read_bytes().splitlines()
        lines = path.read_bytes().splitlines()
        found += [{"row": orjson.loads(a), "evidence": orjson.loads(b)} for a, b in zip(lines, evidence, strict=True)]
    return found


def test_equal_tables_give_equal_bytes(stage: str, material: Material, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        material.run(stage, folder, split=0.4, **NEEDED.get(stage, {}))
    one, two = (
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*") if p.is_file()}
        for f in ("one", "two")
    )
    assert one == two


def test_each_row_names_item_licence_attribution_and_source(stage: str, material: Material, tmp_path: Path) -> None:
    questions = material.run(stage, **NEEDED.get(stage, {}))
    figures = {figure.figure_id: figure for figure in material.figures}
    served = rows(tmp_path / "step/dataset")
    assert len(served) == len(questions) == len(material.items)
    for row, wanted in zip(served, material.items, strict=True):
        article = figures[wanted.figure_id].article
        known = set(leaves(row))
        assert {wanted.item_id, article.article_id, article.doi, article.licence.code} <= known
        assert article.licence.attribution in known


def test_items_that_cannot_be_served_are_counted_and_the_card_says_so(
    stage: str, material: Material, tmp_path: Path
) -> None:
    bad = item(material.figures[0], 7, question="<image>?")
    material.items.insert(2, bad)
    material.verdicts = material.labels = None
    questions = material.run(stage, **NEEDED.get(stage, {}))
    assert [(r.id, r.reason) for r in material.rejects] == [(bad.item_id, "control_token")]
    assert [q.index for q in questions] == list(range(len(material.items) - 1))
    assert "control_token 1" in (tmp_path / "step/dataset/README.md").read_text()


def test_no_image_bytes_are_written_twice(stage: str, material: Material, tmp_path: Path) -> None:
    material.run(stage, **NEEDED.get(stage, {}))
    dataset = tmp_path / "step/dataset"
    images = sum(len(path.read_bytes()) for path in loose_files(material.store.images))
    written = sum(path.stat().st_size for path in dataset.rglob("*") if path.is_file())
    # Two items a figure: formats that hold images inside their rows hold them once a row, the others once.
    base64 = 4 / 3 if stage == "export.chat" else 1
    copies = 1 if (dataset / "images").is_dir() else 2
    assert copies * base64 * images <= written < copies * base64 * images + 100_000


def test_the_card_follows_the_rules_of_the_hub(stage: str, material: Material, tmp_path: Path) -> None:
    material.run(stage, split=0.5, **NEEDED.get(stage, {}))
    card = DatasetCard((tmp_path / "step/dataset/README.md").read_text(), ignore_metadata_errors=False)
    data = {key: card.data[key] for key in ("license", "size_categories", "task_categories", "configs")}
    assert data["license"] == ["cc-by-4.0", "cc0-1.0"]
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["visual-question-answering", "multiple-choice"]
    for config in data["configs"]:
        for files in config["data_files"]:
            assert list((tmp_path / "step/dataset").glob(files["path"]))


def test_load_dataset_reads_the_folder(stage: str, material: Material, tmp_path: Path) -> None:
    material.run(stage, **NEEDED.get(stage, {}))
    dataset = str(tmp_path / "step/dataset")
    loaded = datasets.load_dataset(dataset, "default", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == len(material.items)


def test_an_empty_table_gives_an_empty_data_set(stage: str, tmp_path: Path) -> None:
    assert Material(tmp_path).run(stage, **NEEDED.get(stage, {})) == []
    assert rows(tmp_path / "step/dataset") == []
    assert (tmp_path / "step/dataset/README.md").is_file()


def test_a_name_that_no_data_set_can_have_is_refused(stage: str, material: Material) -> None:
    with pytest.raises(BadSetting, match="name is"):
        material.run(stage, name="../x", **NEEDED.get(stage, {}))


def test_pictures_of_zero_one_and_six_are_served(stage: str, tmp_path: Path) -> None:
    material = Material(tmp_path)
    for count in (0, 1, 6):
        material.items.append(item(material.figure(count, [picture(10 * count + n) for n in range(count)])))
    questions = material.run(stage, **NEEDED.get(stage, {}))
    assert [len(q.images) for q in questions] == [0, 1, 6]
    with (tmp_path / "step/dataset/ATTRIBUTION.tsv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) == 3

"""Questions of a benchmark: whole sets, small images, and rows that are no questions."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medvlsynther.cards import Benchmark
from medvlsynther.errors import MissingInput
from medvlsynther.questions.reading import Folder
from medvlsynther.store.images import ImageStore
from tests.stages.harness import Outcome, run_stage

CARD = """
description: A small set of our own
title: Small
repo: nobody/small
format: served
served_as: Small-set
count: 4
licence: CC0-1.0
"""


def picture(width: int = 60, height: int = 40, shade: int = 90) -> bytes:
    image = Image.radial_gradient("L").resize((width, height)).point(lambda value: (value + shade) % 256)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def row(number: int, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "images": [{"bytes": picture(shade=number), "path": f"{number}.png"}],
        "question": f"Which organ is number {number}?",
        "options": json.dumps({"A": "Liver", "B": "Spleen"}),
        "answer_label": "B",
        "answer": "Spleen",
        "dataset_name": "Small-set",
        "dataset_index": number,
    }
    return given | changes


def read(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> Outcome:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = ("question", "options", "answer_label", "answer", "dataset_name")
    schema = pa.schema(
        [("images", pa.list_(image)), *((name, pa.string()) for name in texts), ("dataset_index", pa.int64())]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), files / "test-00000-of-00001.parquet")
    (folder / "small.yaml").write_text(CARD)
    card = Benchmark.load(str(folder / "small.yaml"))
    return run_stage("questions", folder, {}, path=Folder.model_validate(str(files)), benchmarks=(card,), **settings)


def test_a_benchmark_of_ones_own_is_one_card(tmp_path: Path) -> None:
    found = read(tmp_path, [row(n) for n in range(4)] + [row(9, dataset_name="another")])
    assert [q.question_id for q in found.rows] == [f"small/{n}" for n in range(4)]
    for question in found.rows:
        assert (question.options, question.answer, question.fault) == (("Liver", "Spleen"), "B", None)
        assert question.images[0].sha256 in ImageStore(tmp_path / "store/images")
    assert not found.rejects


def test_small_images_are_enlarged_and_say_so(tmp_path: Path) -> None:
    rows = [row(0), row(1, images=[{"bytes": picture(20, 50), "path": "s.png"}])]
    first, second = read(tmp_path, rows).rows
    assert "upscaled" not in first.images[0].notes
    assert "upscaled" in second.images[0].notes
    assert min(second.images[0].width_px, second.images[0].height_px) >= 28


def test_the_published_protocol_drops_questions_with_small_images(tmp_path: Path) -> None:
    rows = [row(0), row(1, images=[{"bytes": picture(20, 50), "path": "s.png"}])]
    found = read(tmp_path, rows, small="drop")
    assert [q.question_id for q in found.rows] == ["small/0"]
    assert found.rejects == {"small/1": "image_too_small"}


def test_rows_with_faults_count_as_wrong_and_rows_that_are_no_question_are_left_out(tmp_path: Path) -> None:
    rows = [
        row(0),
        row(1, images=[{"bytes": b"no image", "path": "x.png"}]),
        row(2, images=[{"bytes": None, "path": "gone.png"}]),
        row(3, answer_label="E", answer="Kidney"),
        row(4, options="no options at all"),
        row(5, options=None),
        row(0),
    ]
    found = read(tmp_path, rows)
    assert {q.question_id: q.fault for q in found.rows} == {
        "small/0": None,
        "small/1": "image_corrupt",
        "small/2": "image_missing",
        "small/3": "gold_outside_options",
        "small/test-00000-of-00001.parquet:4": "options_unreadable",
    }
    assert found.rejects == {"small/5": "no_options", "small/0~2": "duplicate_id"}


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="No question of small"):
        read(tmp_path, [row(0, dataset_name="another")])


def test_real_slake_records_without_their_images_count_as_wrong(shared: Path, tmp_path: Path) -> None:
    card = Benchmark.load("slake")
    found = run_stage(
        "questions", tmp_path, {}, path=Folder.model_validate(str(shared / "samples" / "slake")), benchmarks=(card,)
    )
    assert len(found.rows) + len(found.rejects) == card.count
    assert {q.fault for q in found.rows} == {"image_missing"}
    assert set(found.rejects.values()) == {"no_options"}

"""Evaluations and audits in a report: their numbers, their pictures, and runs side by side."""

import re
from pathlib import Path

import orjson
import pytest

from medvlsynther.audit.calibration import Power
from medvlsynther.audit.sets import Exhibit
from medvlsynther.records import Overlap
from medvlsynther.report import page
from medvlsynther.report.beside import beside
from medvlsynther.report.contamination import contamination
from medvlsynther.report.facts import gather
from medvlsynther.report.results import results
from medvlsynther.rules.scoring.scores import Score
from medvlsynther.store.finished import Run, finished
from medvlsynther.store.layout import Store
from tests.export.material import Material
from tests.review.conftest import pairs
from tests.review.stores import lay, step


def free(_: object) -> float:
    return 0.0


def score(model: str, dataset: str, value: float, **more: object) -> Score:
    plain = {"model": model, "dataset": dataset, "measure": "accuracy", "value": value, "n": 100}
    return Score.model_validate(plain | {"low": value - 0.1, "high": value + 0.1} | more)


def evaluated(root: Path, *scores: Score, name: str = "evaluate") -> Run:
    store = Store(root)
    return finished(store, name, [step(store, "scores", Score, scores)])


def test_a_run_that_only_evaluates_shows_that_and_nothing_of_items(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    run = evaluated(tmp_path, score("tiny", "slake", 0.4), score(hostile, "slake", 0.5))
    text = page.html([run], free)
    assert "40.0 %" in text
    assert "40.00 [30.0, 50.0]" in text
    assert "<circle" in text
    assert hostile not in text
    for anchor in ("rubric", "lint", "overlap", "accepted"):
        assert f'id="{anchor}"' not in text
    told = page.markdown([run], free)
    assert "## Accuracy" in told
    assert not re.search(r"(?<!\\)<script>", told)


def test_the_headline_is_the_mean_over_sets_where_there_are_several(tmp_path: Path) -> None:
    run = evaluated(
        tmp_path, score("tiny", "slake", 0.4), score("tiny", "pathvqa", 0.6), score("tiny", "macro", 0.5),
        score("tiny", "items", 0.45), score("tiny", "slake", 0.1, group="modality=ct"),
    )  # fmt: skip
    found = results(run)
    assert found
    assert [(each.dataset, each.value) for each in found.headlines] == [("macro", 0.5)]


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"tables": [{"title": 1}]}', b'{"tables": 3}'])
def test_tables_come_from_the_scores_where_the_written_report_is_gone(tmp_path: Path, content: bytes | None) -> None:
    run = evaluated(tmp_path, score("tiny", "slake", 0.4))
    if content is not None:
        (run.steps[0].folder / "report.json").write_bytes(content)
    found = results(run)
    assert found
    assert found.grids[0].title == "Accuracy"


def test_tables_are_those_that_the_stage_wrote(tmp_path: Path) -> None:
    run = evaluated(tmp_path, score("tiny", "slake", 0.4))
    grid = {"title": "Data sets", "columns": ["set"], "rows": [["slake"]], "notes": ["not whole"]}
    (run.steps[0].folder / "report.json").write_bytes(orjson.dumps({"tables": [grid]}))
    text = page.html([run], free)
    assert "not whole" in text


def test_side_by_side_only_rows_that_some_run_has_and_marks_what_differs(tmp_path: Path) -> None:
    one = lay(Material(tmp_path / "one").fill(articles=3))
    other = lay(Material(tmp_path / "other").fill(articles=5), name="other")
    third = evaluated(tmp_path / "third", score("tiny", "slake", 0.4))
    runs = [one, other, third]
    rows = beside([gather(run, free) for run in runs], [results(run) for run in runs])
    by_label = {row.label: row for row in rows}
    assert by_label["items at the end"].cells == ("6", "10", "–")
    assert by_label["items at the end"].differs
    assert by_label["tiny"].cells == ("–", "–", "40.00 %")
    assert "spent" not in by_label
    assert all(len(row.cells) == 3 for row in rows)
    assert 'id="beside"' in page.html(runs, free)
    assert 'id="beside"' not in page.html(runs[:1], free)


def test_pairs_show_the_class_of_their_items_and_each_stands_once(tmp_path: Path) -> None:
    made = Material(tmp_path).fill(articles=6)
    found = pairs(made)
    twice = [found[1].model_copy(update={"layer": "bytes", "measure": "sha256", "score": 1.0}), *found]
    joint = found[0].model_copy(
        update={"layer": "joint", "measure": "class", "score": None, "kind": "identical_item"}
        | {"train_image": None, "test_image": None}
    )
    audit = contamination(lay(made, overlaps=[*twice, joint]))
    assert audit
    assert [pair.kind for pair in audit.pairs] == ["identical_item", "bytes (not judged)"]
    assert all(side.url for pair in audit.pairs for side in (pair.left, pair.right))
    assert audit.counts == {("bench", "identical_item"): 1}


def exhibit(name: str, role: str) -> Exhibit:
    return Exhibit.model_validate({"set_name": name, "role": role, "item_id": f"{name}/0"})


def test_none_found_says_what_would_have_been(tmp_path: Path) -> None:
    store = Store(tmp_path)
    power = Power(
        set_name="ours", layer="images", control="resized", direction="copy in test", tried=100, found=99, low=0, high=1
    )
    steps = [
        step(store, "audit.read", Exhibit, [exhibit("ours", "train"), exhibit("bench", "test")]),
        step(store, "audit.joint", Overlap, []),
    ]
    blind = page.html([finished(store, "audit", steps)], free)
    assert "nothing was found" in blind
    assert "nothing is known of what it could have found" in blind
    steps.append(step(store, "audit.calibrate", Power, [power]))
    assert "resized 99%" in page.html([finished(store, "audit", steps)], free)

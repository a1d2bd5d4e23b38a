"""The tables say what the scores say, name who does not look, and keep published rows apart."""

from pathlib import Path

import orjson
import pytest

from medvlsynther.cards import PublishedScores
from medvlsynther.evaluation.files import write_report
from medvlsynther.evaluation.grids import Grid, as_text
from medvlsynther.evaluation.tables import breakdowns, tables
from medvlsynther.rules.scoring.report import score
from tests.evaluation.material import questions, scores
from tests.rules.scoring.material import grades


def titled(grids: list[Grid], title: str) -> Grid:
    return next(grid for grid in grids if grid.title == title)


def test_accuracy_stands_beside_published_rows_and_chance() -> None:
    published = PublishedScores.load("medvlsynther")
    grid = titled(tables(scores(), [published]), "Accuracy")
    rows = {row[0]: row[1:] for row in grid.rows}
    assert grid.columns == ("model", "pmc_vqa", "slake", "macro mean", "item mean")
    assert [cell.split()[0] for cell in rows["good"]] == ["75.00"] * 4
    assert rows["chance"][0] == "25.00"
    assert rows["MedVLSynther-7B (medvlsynther)"] == ("55.43", "72.36", "–", "–")
    assert any("published, not measured here" in note for note in grid.notes)


def test_a_model_that_ignores_the_image_is_named() -> None:
    grid = titled(tables(scores()), "Does it look at the image?")
    assert [note.partition(":")[0] for note in grid.notes] == ["good ignores the image", "poor ignores the image"]


def test_differences_carry_tests_and_what_could_be_found() -> None:
    grid = titled(tables(scores()), "Differences")
    assert [row[1] for row in grid.rows] == ["pmc_vqa", "slake", "macro mean", "item mean"]
    assert grid.rows[0][2].startswith("50.00 [")
    assert grid.rows[0][3] == "<0.0001"
    assert grid.rows[2][3] == "–"


def test_one_set_has_no_averages() -> None:
    asked = [one for one in questions() if one.dataset == "slake"]
    grid = titled(tables(score(asked, grades(asked, ["A"] * 40))), "Accuracy")
    assert grid.columns == ("model", "slake")


def test_breakdowns_leave_out_kinds_with_one_group() -> None:
    assert not list(breakdowns(scores()))
    asked = [one.model_copy(update={"options": ("Yes", "No")}) if one.index % 2 else one for one in questions()]
    found = list(breakdowns(score(asked, grades(asked, ["A"] * 80))))
    assert {grid.title for grid in found} == {"By options", "By form"}


@pytest.mark.parametrize("name", ["report.txt", "report.md", "report.tex", "report.json", "accuracy.svg"])
def test_a_report_is_written_alike_every_time(tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        write_report(tmp_path / folder, scores(), published=[PublishedScores.load("medvlthinker")])
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_json_report_holds_every_score(tmp_path: Path) -> None:
    write_report(tmp_path, scores())
    found = orjson.loads((tmp_path / "report.json").read_bytes())
    assert found["scores"] == [one.model_dump() for one in scores()]
    assert (tmp_path / "report.txt").read_text().strip() == as_text([*tables(scores())]).strip()

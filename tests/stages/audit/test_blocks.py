"""Sets too large for memory are compared block by block: the same pairs, however small the blocks are."""

from pathlib import Path

import pytest

from medvlsynther.audit.sets import Exhibit
from medvlsynther.stages.audit import text
from tests.stages.harness import Tables, run_stage

STEM = "Which finding of the {} lobe is shown in this axial image of patient {}?"


def exhibits() -> list[Exhibit]:
    train = [
        Exhibit(set_name="train", role="train", within=True, item_id=f"a{n}", stem=STEM.format("upper", n), key="Mass")
        for n in range(30)
    ]
    test = [
        Exhibit(
            set_name="test", role="test", item_id=f"b{n}", stem=STEM.format(("upper", "lower")[n % 2], n), key="Cyst"
        )
        for n in range(0, 30, 3)
    ]
    return [*train, *test, Exhibit(set_name="test", role="test", item_id="mute")]


def found(folder: Path) -> tuple[set[tuple[str, ...]], dict[str, str]]:
    tables: Tables = {"exhibits": exhibits(), "overlaps": None}
    outcome = run_stage("audit.text", folder, tables)
    pairs = [(one.train_set, one.train_id, one.test_set, one.test_id, one.measure) for one in outcome.rows]
    assert len(pairs) == len(set(pairs)) > 0
    return set(pairs), outcome.rejects


@pytest.mark.parametrize("block", [1, 7, 30])
def test_blocks_change_no_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    whole = found(tmp_path)
    monkeypatch.setattr(text, "BLOCK", block)
    assert found(tmp_path) == whole


def test_beyond_the_limit_sketches_propose_and_their_recall_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, rejects = found(tmp_path)
    monkeypatch.setattr(text, "MOST_PAIRS", 10)
    likely, told = found(tmp_path)
    assert likely <= exact
    assert len(likely) > 0.8 * len(exact)
    assert rejects == {"mute": "no_text"}
    assert told == {"mute": "no_text", "train x test": "near_by_sketches", "train x train": "near_by_sketches"}

"""The audited recipe with its gate: what another set knows already does not reach the data set."""

import json
from pathlib import Path

import pytest
from PIL import Image

from medvlsynther.catalog import ASSETS
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import Finished, run
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Item, Reject
from medvlsynther.store.table import Table
from tests.audit.drawn import png, scene
from tests.stages.audit.test_audit import write_set

MINIATURE = ASSETS / "corpora" / "miniature"
OFFLINE = (
    "collect.path=bundled:miniature",
    "generate.model=lexical",
    "verify.model=lexical",
    "label.model=lexical",
    *(f"{stage}=null" for stage in ("repair", "lint-again", "verify-again", "probe-raw", "probe-verified", "blind")),
    "audit.read.path=null",
    "audit.read.benchmarks=[]",
    "audit.calibrate.images=4",
)


def gated(folder: Path, known: Path) -> dict[str, Finished]:
    """The steps of the gated recipe, held against one set."""
    against = f"audit.read.against=[{{path: {known}, name: known}}]"
    done = run(load_recipe("audited@gate", sets=[*OFFLINE, against]), Site(store=str(folder / "store"), workers=1))
    return {one.step.name: one for one in done}


def rows(folder: Path, step: Finished) -> list[Item]:
    return list(Table(Item, folder / "store" / "steps" / step.step.id / "items.parquet"))


@pytest.mark.slow
def test_an_image_that_a_benchmark_shows_does_not_reach_the_data_set(tmp_path: Path) -> None:
    with Image.open(MINIATURE / "SYN0007.1" / "syn0007-g002.jpg") as image:
        smaller = png(image.convert("RGB").resize((image.width * 3 // 4, image.height * 3 // 4)))
    write_set(tmp_path / "known.parquet", [{"images": [smaller]}, {"images": [png(scene(77))]}])
    done = gated(tmp_path, tmp_path / "known.parquet")
    before, after = rows(tmp_path, done["dedupe"]), rows(tmp_path, done["decontaminate"])
    gone = {item.item_id for item in before} - {item.item_id for item in after}
    figures = {item.figure_id for item in before if item.item_id in gone}
    assert "file:SYN0007.1/f2" in figures
    # Its neighbour in the same article is the same drawing but for one lesion.
    assert figures <= {"file:SYN0007.1/f1", "file:SYN0007.1/f2"}
    folder = tmp_path / "store" / "steps" / done["decontaminate"].step.id
    rejects = {reject.id: reject for reject in Table(Reject, folder / "rejects.parquet")}
    assert set(rejects) == gone
    assert all(reject.reason == "overlap_same_image_other_fact" for reject in rejects.values())
    assert all(reject.detail.startswith("known known/0: ") for reject in rejects.values())
    exported = json.loads((tmp_path / "store" / "steps" / done["export.hf"].step.id / "step.json").read_text())
    assert exported["rows"] == len(after)
    report = tmp_path / "store" / "steps" / done["audit.report"].step.id
    assert "planted" in (report / "report.html").read_text()

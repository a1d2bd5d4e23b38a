"""From a row of the finished data set back to the article: caption, licence and pixels, from the parquet alone."""

import hashlib
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from lxml import etree

from medvlsynther.catalog import ASSETS
from medvlsynther.fingerprint import draw
from medvlsynther.pipeline.recipe import Recipe, load_recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
from medvlsynther.store.layout import Store

FORMATS: dict[str, dict[str, Any]] = {
    "export.hf": {"name": "quickstart", "split": 0.2},
    "export.verl": {},
    "export.trl": {"kind": "sft"},
    "export.sharegpt": {},
    "export.chat": {},
    "export.lmms": {},
    "export.inspect": {},
}

pytestmark = pytest.mark.slow


def exported(root: Path, recipe: Recipe) -> dict[str, Path]:
    """Exporter to the folder of its data set."""
    done = run(recipe, Site(store=str(root), workers=1))
    store = Store(root)
    return {
        finished.step.name: store.step(finished.step.id) / "dataset"
        for finished in done
        if finished.step.name.startswith("export.")
    }


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    stages = {**load_recipe("quickstart").stages, **FORMATS}
    return exported(tmp_path_factory.mktemp("store"), Recipe(ref="quickstart", stages=stages))


def plain(element: etree._Element) -> str:
    """An element's text without any blanks."""
    return "".join("".join(str(text) for text in element.itertext()).split())


def some(rows: list[dict[str, Any]], count: int = 10) -> list[dict[str, Any]]:
    """A few rows, by lot."""
    return sorted(rows, key=lambda row: draw(7, row["item_id"]))[:count]


def ten(dataset: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(dataset.glob("data/*.parquet")):
        found += pq.read_table(path).to_pylist()
    return some(found)


def test_ten_rows_lead_back_to_their_articles(quickstart: dict[str, Path]) -> None:
    corpus = ASSETS / "corpora" / "miniature"
    rows = ten(quickstart["export.hf"])
    assert len(rows) == 10
    for row in rows:
        folder = corpus / row["article_id"].removeprefix("file:")
        (path,) = folder.glob("*.xml")
        article = etree.parse(str(path)).getroot()
        figure = next(fig for fig in article.iter("fig") if fig.get("id") == row["figure_id"].rpartition("/")[2])
        assert "".join(row["caption"].split()) in plain(figure)
        assert row["title"] in " ".join(" ".join(map(str, article.itertext())).split())
        assert row["licence_uri"].rstrip("/") in path.read_text(encoding="utf-8")
        assert row["attribution"]
        sources = {hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*.*") if file.is_file()}
        assert set(row["image_source_sha256"]) <= sources
        for image, digest in zip(row["images"], row["image_sha256"], strict=True):
            assert hashlib.sha256(image["bytes"]).hexdigest() == digest


def test_every_format_loads_after_the_whole_way(quickstart: dict[str, Path], tmp_path: Path) -> None:
    assert set(quickstart) == set(FORMATS)
    sizes = set()
    for stage, dataset in quickstart.items():
        loaded = datasets.load_dataset(str(dataset), "default", cache_dir=str(tmp_path / stage))
        sizes.add(sum(len(part) for part in loaded.values()))
    assert len(sizes) == 1
    assert sizes.pop() >= 20


def test_rows_about_real_articles_lead_back_to_them(shared: Path, tmp_path: Path) -> None:
    articles = shared / "samples/articles"
    sets = [
        f"collect.path={articles}",
        "generate.model=lexical",
        "verify.model=lexical",
        *(
            f"{stage}=null"
            for stage in ("repair", "lint-again", "verify-again", "blind", "probe-raw", "probe-verified")
        ),
    ]
    found = exported(tmp_path / "store", load_recipe("audited", sets=sets))
    rows = ten(found["export.hf"])
    texts = {path: "".join(path.read_text("utf-8", "replace").split()) for path in articles.rglob("*.*ml")}
    for row in rows:
        name = row["pmcid"] or row["doi"]
        start = "".join(row["caption"].split())[:20]
        assert any(name.removeprefix("PMC") in text and start in text for text in texts.values())
        assert row["licence"].startswith("CC")
        assert row["attribution"]

"""The miniature corpus: its script gives the same bytes again, and it holds every case that a run must meet."""

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image

from medvlsynther.catalog import ASSETS

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ASSETS / "corpora" / "miniature"
HREF = "{http://www.w3.org/1999/xlink}href"


def articles() -> Iterator[etree._Element]:
    for path in sorted(CORPUS.glob("*/*.xml")):
        yield etree.fromstring(path.read_bytes())


def figures() -> Iterator[etree._Element]:
    for article in articles():
        yield from article.iter("fig")


@pytest.mark.slow
def test_the_script_gives_the_same_bytes_again(tmp_path: Path) -> None:
    made = tmp_path / "corpus"
    subprocess.run([sys.executable, "tools/make_corpus.py", str(made)], cwd=ROOT, check=True, timeout=240)
    names = sorted(str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*.*") if path.is_file())
    assert names == sorted(str(path.relative_to(made)) for path in made.rglob("*.*") if path.is_file())
    assert [name for name in names if (made / name).read_bytes() != (CORPUS / name).read_bytes()] == []


def test_it_is_small_and_large_enough() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= 3_000_000
    assert len(list(articles())) >= 24
    assert len(list(figures())) >= 40


def test_every_article_and_figure_says_that_it_is_synthetic() -> None:
    for article in articles():
        (name,) = article.iterfind(".//custom-meta/meta-name")
        assert (name.text, article.findtext(".//custom-meta/meta-value")) == ("synthetic", "true")
        assert not article.xpath("//article-id[contains(@pub-id-type, 'pmc') or @pub-id-type='doi']")
        assert all(fig.get("specific-use") == "synthetic" and fig.get("fig-type") for fig in article.iter("fig"))
    records = [json.loads(path.read_text()) for path in CORPUS.glob("*/*.json")]
    assert all(record["synthetic"] is True and record["pmcid"] is None for record in records)


def test_it_holds_the_cases_that_a_run_must_meet() -> None:
    records = [json.loads(path.read_text()) for path in sorted(CORPUS.glob("*/*.json"))]
    assert Counter(record["is_retracted"] for record in records)[True] == 1
    assert Counter(record["license_code"] for record in records)["CC BY-NC"] == 1
    assert {len(fig.findall("graphic")) for fig in figures()} == {1, 2, 3, 4, 5, 6}
    kinds = Counter(fig.get("fig-type") for fig in figures())
    turned_away = {"plots and charts", "illustrative diagrams", "immuno assays", "maps"}
    assert turned_away <= set(kinds)
    assert len(set(kinds) - turned_away) >= 12


def test_every_graphic_is_there_and_one_cannot_be_read() -> None:
    broken = []
    for path in sorted(CORPUS.glob("*/*.xml")):
        for graphic in etree.fromstring(path.read_bytes()).iter("graphic"):
            file = path.parent / str(graphic.get(HREF))
            try:
                Image.open(io.BytesIO(file.read_bytes())).load()
            except OSError:
                broken.append(file.name)
    assert len(broken) == 1


def test_no_two_images_are_alike() -> None:
    images = [path.read_bytes() for path in CORPUS.rglob("*.jpg")]
    assert len(set(images)) == len(images)


def test_every_figure_is_referred_to_and_every_reference_resolves() -> None:
    for article in articles():
        ids = {fig.get("id") for fig in article.iter("fig")}
        assert {xref.get("rid") for xref in article.iter("xref")} == ids

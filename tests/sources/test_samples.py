"""Real articles: every figure, caption and cross-reference, checked against a count made without our parser."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.entities import html5
from pathlib import Path

import pytest

from medvlsynther.records import Article, Figure, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import jats, pmc
from tests.sources.material import one

PACKAGES = {"PMC1762412": (6, 7), "PMC2467486": (9, 9), "PMC3003633": (3, 3), "PMC3192425": (9, 9)}
"""Figures of the packages that come with their images, and images in them that belong to figures."""


def documents(shared: Path) -> list[Path]:
    return sorted((shared / "samples" / "articles").glob("*/*.*ml"))


def tree(path: Path) -> ET.Element:
    """The main article without namespaces, sub-articles and character entities."""
    text = path.read_text(encoding="utf-8")
    for name in ("nbsp;", "ldquo;", "rdquo;"):
        text = text.replace(f"&{name}", html5[name])
    root = ET.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    article = root if root.tag == "article" else next(root.iter("article"))
    for parent in list(article.iter()):
        for child in [child for child in parent if child.tag in ("sub-article", "response")]:
            parent.remove(child)
    return article


def squeezed(text: str) -> str:
    return "".join(text.replace("^", "").split())


def with_parents(article: ET.Element, tag: str) -> Iterator[tuple[ET.Element, list[ET.Element]]]:
    parents = {child: parent for parent in article.iter() for child in parent}
    for element in article.iter(tag):
        above, line = parents.get(element), []
        while above is not None:
            line.append(above)
            above = parents.get(above)
        yield element, line


def test_every_figure_of_every_article_is_a_figure_or_a_reject(shared: Path) -> None:
    root = shared / "samples" / "articles"
    for path in documents(shared):
        (result,) = jats.read(root, path.relative_to(root).as_posix(), "corpus", Policy())
        assert isinstance(result, Article)
        elements = (
            sum(1 for _ in ET.parse(path).iter() if _.tag.rpartition("}")[2] == "fig") if "pmed" not in path.name else 0
        )
        told = [reject for reject in result.rejects if reject.reason not in ("outside_figure", "dangling_xref")]
        assert len(result.figures) + len(told) == elements
        ids = [figure.figure_id for figure in result.figures] + [reject.id for reject in told]
        assert len(set(ids)) == len(ids)


def test_captions_keep_all_their_text(shared: Path) -> None:
    seen = 0
    for path in documents(shared):
        captions = {squeezed(figure.caption) for figure in one(path.read_bytes()).figures}
        for figure, _ in with_parents(tree(path), "fig"):
            caption = figure.find("caption")
            if caption is not None and figure.find(".//graphic") is not None:
                assert squeezed("".join(caption.itertext())) in captions
                seen += 1
    assert seen > 130


def test_every_reference_outside_captions_is_in_the_mentions_of_its_figure(shared: Path) -> None:
    seen = 0
    for path in documents(shared):
        found = one(path.read_bytes())
        figures = {figure.figure_id.removeprefix(f"{found.ref.article_id}/"): figure for figure in found.figures}
        for xref, above in with_parents(tree(path), "xref"):
            if xref.get("ref-type") != "fig" or any(element.tag == "caption" for element in above):
                continue
            rid = xref.get("rid", "")
            targets = [figure for name, figure in figures.items() if name.partition("/")[0] == rid]
            assert targets or f"{found.ref.article_id}/{rid}" in [reject.id for reject in found.rejects] or rid == "f1"
            told = squeezed("".join(text for figure in targets for text in figure.mentions))
            assert not targets or squeezed("".join(xref.itertext()) + (xref.tail or "")[:10]) in told
            seen += 1
    assert seen > 530


def test_the_packages_give_their_figures_and_no_other_image(shared: Path) -> None:
    root = shared / "samples" / "articles"
    for package, (count, images) in PACKAGES.items():
        (result,) = (
            result
            for shard in pmc.shards(root / package)
            for result in pmc.read(root / package, shard, "corpus", Policy())
            if isinstance(result, Article)
        )
        assert len(result.figures) == count
        assert not result.rejects
        assert all(figure.mentions and figure.context_quality == "xml" for figure in result.figures)
        assert all(figure.article.licence.standing == "allowed" for figure in result.figures)
        names = [image.name for figure in result.figures for image in figure.images]
        assert len(names) == count <= images
        assert all(name.endswith(".jpg") for name in names)
        assert not any(kind in name for name in names for kind in (".e0", ".t0"))


def test_the_packed_article_reads_like_the_unpacked_one(shared: Path) -> None:
    root = shared / "samples" / "articles" / "PMC3003633"

    def bare(name: str) -> list[Figure]:
        (result,) = pmc.read(root, name, "corpus", Policy())
        assert isinstance(result, Article)
        return [
            figure.model_copy(update={"images": tuple(image.name for image in figure.images)})
            for figure in result.figures
        ]

    assert bare("PMC3003633.tar.gz") == bare("1475-2859-9-89.nxml")
    rest = [result for shard in pmc.shards(root) for result in pmc.read(root, shard, "corpus", Policy())]
    assert [result.reason for result in rest if isinstance(result, Reject)] == ["duplicate_article"]


def test_beside_another_parser(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints figures, whole captions and mentions of both; ours miss none."""
    pytest.importorskip("pubmed_parser")
    lines = [f"{'':14}{'crashes':>9}{'figures':>9}{'captions':>10}{'mentions':>10}"]
    for name, captions in (("medvlsynther", _ours), ("pubmed_parser", _theirs)):
        crashes = figures = whole = mentioned = 0
        for path in documents(shared):
            expected = {
                squeezed("".join(caption.itertext()))
                for figure in tree(path).iter("fig")
                if figure.find(".//graphic") is not None and (caption := figure.find("caption")) is not None
            }
            found = captions(path)
            crashes += found is None
            figures += len(found or ())
            whole += sum(squeezed(caption) in expected for caption, _ in found or ())
            mentioned += sum(count for _, count in found or ())
        lines.append(f"{name:14}{crashes:>9}{figures:>9}{whole:>10}{mentioned:>10}")
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert lines[1].split()[1] == "0"


def _ours(path: Path) -> list[tuple[str, int]] | None:
    return [(figure.caption, len(figure.mentions)) for figure in one(path.read_bytes()).figures]


def _theirs(path: Path) -> list[tuple[str, int]] | None:
    pubmed_parser = pytest.importorskip("pubmed_parser")
    try:
        found = pubmed_parser.parse_pubmed_caption(str(path))
    except (KeyError, AttributeError, UnboundLocalError, TypeError):
        return None
    return [(figure["fig_caption"], 0) for figure in found or ()]

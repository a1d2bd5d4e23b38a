"""The traps of real articles, numbered 1 to 14 (15 to 21: test_jats_mentions.py, 22: test_pmc.py and test__tar.py)."""

from pathlib import Path

import pytest

from medvlsynther.records import Article, Figure
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import jats
from medvlsynther.sources._jats_front import Beside
from tests.sources.material import CC_BY, JPEG, article, figure, mentions, one, parse, reasons, write, xref


def only(text: str, **options: object) -> Figure:
    (found,) = one(text, **options).figures
    return found


# 1 the shell ------------------------------------------------------------------------------------------------


def test_01_an_oai_record_in_a_default_namespace_reads_like_the_bare_article() -> None:
    bare = article(f"<p>See {xref('f1', 'Fig. 1')}.</p>{figure(1)}")
    inner = bare.replace("<article ", '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" ', 1)
    record = f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><GetRecord><metadata>{inner}</metadata></GetRecord></OAI-PMH>'
    assert one(record) == one(bare)


def test_01_an_article_set_gives_every_article() -> None:
    first, second = article(figure(1)), article(figure(1)).replace(">77<", ">78<")
    results = parse(f"<pmc-articleset>{first}{second}</pmc-articleset>")
    assert [result.ref.article_id for result in results if isinstance(result, Article)] == ["PMC77", "PMC78"]


@pytest.mark.parametrize("doctype", ["", '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "http://127.0.0.1:9/x.dtd">'])
def test_01_named_entities_survive_with_and_without_a_dtd(doctype: str) -> None:
    text = article(figure(1, "10&nbsp;&mu;m &ldquo;scale&rdquo; &amp; bar &unheardof;"))
    assert only(doctype + text).caption == "10 μm “scale” & bar &unheardof;"


def test_01_entities_are_neither_fetched_nor_expanded() -> None:
    bomb = '<!DOCTYPE article [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'
    assert only(bomb + article(figure(1, "x &b; &c;"))).caption == "x &b; &c;"


# 2, 3 identity ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "article_id"),
    [
        ('<article-id pub-id-type="pmc">1762412</article-id>', "PMC1762412"),
        ('<article-id pub-id-type="pmcid">PMC7500000</article-id>', "PMC7500000"),
        (
            '<article-id pub-id-type="accession">PMC9</article-id><article-id pub-id-type="pmcid">PMC8</article-id>',
            "PMC8",
        ),
        (
            '<article-id pub-id-type="pmcid">PMC10000338</article-id>'
            '<article-id pub-id-type="pmcid-ver">PMC10000338.2</article-id>',
            "PMC10000338.2",
        ),
        (
            '<article-id pub-id-type="doi">https://doi.org/10.1371/Journal.PONE.1</article-id>',
            "doi:10.1371/journal.pone.1",
        ),
        ("", "file:doc"),
    ],
)
def test_02_every_way_to_write_an_id_gives_one_identity(ids: str, article_id: str) -> None:
    text = f"<article><front><article-meta>{ids}</article-meta></front><body/></article>"
    assert one(text).ref.article_id == article_id


def test_02_the_version_may_come_from_beside_the_xml() -> None:
    assert one(article(), beside=Beside(pmcid="PMC77", version=3)).ref.article_id == "PMC77.3"
    assert one(article(), beside=Beside(pmcid="PMC5", version=3)).ref.article_id == "PMC77"


def test_03_a_licence_in_the_copyright_statement_of_an_old_dtd_counts() -> None:
    old = (
        "<copyright-statement>Crone et al. This is an open-access article distributed under the terms of the Creative "
        "Commons Attribution License.</copyright-statement><copyright-year>2006</copyright-year>"
    )
    licence = only(article(figure(1), licence=old)).article.licence
    assert (licence.code, licence.standing, licence.reasons) == ("CC-BY", "allowed", ("text_cc_by",))


def test_03_a_licence_in_a_footnote_counts_where_there_is_no_other() -> None:
    note = (
        "<back><fn-group><fn><p>Published under a Creative Commons Attribution 4.0 licence.</p></fn></fn-group></back>"
    )
    assert one(article(floats=note, licence="")).ref.licence.code == "CC-BY-4.0"


# 4, 5 other documents in the document ------------------------------------------------------------------------


def test_04_figures_of_translations_and_reviews_are_rejects_and_make_no_mentions() -> None:
    sub = f'<sub-article id="s1"><body><p>Veja a {xref("f1", "Figura 1")}.</p>{figure(1)}</body></sub-article>'
    found = one(article(f"<p>See {xref('f1', 'Figure 1')}.</p>{figure(1)}", floats=sub))
    assert mentions(found) == {"f1": ("See Figure 1.",)}
    assert [(reject.id, reject.reason) for reject in found.rejects] == [("PMC77/s1/f1", "sub_article")]


@pytest.mark.parametrize(
    ("attributes", "meta"),
    [
        ('article-type="retraction"', ""),
        ("", '<related-article related-article-type="retraction-forward"/>'),
        ("", '<related-article related-article-type="retracted-article"/>'),
    ],
)
def test_05_retractions_show(attributes: str, meta: str) -> None:
    assert one(article(figure(1), attributes=attributes, meta=meta)).ref.retracted
    assert not one(article(figure(1), meta='<related-article related-article-type="corrected-article"/>')).ref.retracted


def test_05_a_retracted_title_and_metadata_show_too() -> None:
    assert one(article().replace("A title", "RETRACTED: A title")).ref.retracted
    assert one(article(), beside=Beside(retracted=True)).ref.retracted


def test_05_scanned_pages_are_no_figures() -> None:
    pages = (
        '<graphic content-type="scanned-page" xlink:href="p1"/><graphic content-type="scanned-page" xlink:href="p2"/>'
    )
    found = one(article(f"<p>{pages}</p>"))
    assert [(reject.reason, reject.detail) for reject in found.rejects] == [("scanned_pages", "2 scanned pages")]
    assert reasons(one(article(figure(1)), beside=Beside(scanned=True))) == ["historical_ocr"]


def test_05_manuscripts_are_marked() -> None:
    labels = only(article(figure(1)), beside=Beside(manuscript=True)).labels
    assert [(label.name, label.source) for label in labels] == [("author manuscript", "pmc.is_manuscript")]


# 6 to 13 figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "<p>Text. {} More.</p>",
        "<sec><boxed-text><p>{}</p></boxed-text></sec>",
        "<sec><supplementary-material>{}</supplementary-material></sec>",
        "<app-group><app>{}</app></app-group>",
    ],
)
def test_06_figures_are_found_wherever_they_stand(place: str) -> None:
    assert only(article(place.format(figure(1)))).figure_id == "PMC77/f1"
    assert only(article(floats=f"<floats-group>{figure(1)}</floats-group>")).figure_id == "PMC77/f1"


def test_06_a_graphical_abstract_outside_any_figure_is_reported() -> None:
    meta = '<abstract><p><graphic id="MO1" xlink:href="x_Figa_HTML"/></p></abstract>'
    assert [(r.id, r.reason) for r in one(article(meta=meta)).rejects] == [("PMC77/MO1", "outside_figure")]


def test_07_what_a_figure_lacks_is_its_reason() -> None:
    body = (
        '<fig id="fx1"><graphic xlink:href="fx1"/></fig>'
        '<fig id="a"><caption><p>No graphic.</p></caption></fig>'
        '<fig id="b"><caption><p>Empty address.</p></caption><graphic xlink:href=""/></fig>'
        '<fig id="c"><caption><p>A film.</p></caption><media xlink:href="c.mp4"/></fig>'
    )
    rejects = one(article(body)).rejects
    assert [(reject.id, reject.reason) for reject in rejects] == [
        ("PMC77/fx1", "no_caption"), ("PMC77/a", "no_graphic"), ("PMC77/b", "no_graphic"), ("PMC77/c", "no_graphic"),
    ]  # fmt: skip


def test_07_figures_without_id_or_label_have_a_stable_one() -> None:
    bare = '<fig><caption><p>C{0}.</p></caption><graphic xlink:href="g{0}"/></fig>'
    text = article(bare.format(1) + bare.format(2))
    assert [figure.figure_id for figure in one(text).figures] == ["PMC77/unnamed-1", "PMC77/unnamed-2"]
    assert one(text) == one(text)


def test_07_equal_ids_stay_two_figures_and_equal_figures_become_one() -> None:
    twice = article(figure(1) + figure(1, "Another."))
    assert [figure.figure_id for figure in one(twice).figures] == ["PMC77/f1", "PMC77/f1~2"]
    assert reasons(one(article(figure(1) + figure(1)))) == ["duplicate_figure"]


def test_08_a_group_lends_its_caption_and_label() -> None:
    parts = "".join(
        f'<fig id="f3{p}"><label>{p}</label><caption><p>Part {p}.</p></caption><graphic xlink:href="{p}"/></fig>'
        for p in "AB"
    )
    group = f'<fig-group id="g3"><label>Figure 3</label><caption><p>Whole.</p></caption>{parts}</fig-group>'
    found = one(article(f"<p>See {xref('g3', 'Figure 3')}. Then {xref('f3B', 'Figure 3B')}.</p>{group}"))
    assert [(f.label, f.caption) for f in found.figures] == [
        ("Figure 3A", "Whole. Part A."),
        ("Figure 3B", "Whole. Part B."),
    ]
    assert all(f.mentions for f in found.figures)


def test_08_of_a_bilingual_pair_the_one_with_the_image_counts() -> None:
    group = (
        '<fig-group id="f1"><fig xml:lang="pt"><label>Figura 1</label><caption><p>Mapa.</p></caption></fig>'
        '<fig xml:lang="en"><label>Figure 1</label><caption><p>Map.</p></caption><graphic xlink:href="m.tif"/></fig>'
        "</fig-group>"
    )
    found = one(article(f"<p>Ver ({xref('f1', 'figura 1')}).</p>{group}"))
    assert [(f.caption, f.mentions) for f in found.figures] == [("Map.", ("Ver (figura 1).",))]
    assert reasons(found) == ["language_twin"]


def test_09_of_alternatives_one_is_taken_and_no_thumbnail() -> None:
    inside = (
        '<alternatives><graphic xlink:href=""/><graphic xlink:href="t.jpg" content-type="scielo-267x140"/>'
        '<graphic xlink:href="a.tif"/><graphic xlink:href="a.png" specific-use="scielo-web"/></alternatives>'
    )
    text = article(f'<fig id="f1"><caption><p>C.</p></caption>{inside}</fig>')
    assert [image.name for image in only(text).images] == ["a.tif"]
    assert [image.name for image in only(text, files=("a.png", "t.jpg")).images] == ["a.png"]
    assert reasons(one(text, files=("t.jpg",))) == ["no_image_file"]


def test_10_siblings_are_images_in_order() -> None:
    text = article(figure(1, inside='<graphic xlink:href="z"/><graphic xlink:href="b"/>'))
    assert [image.name for image in only(text).images] == ["z", "b", "f1"]


@pytest.mark.parametrize(
    ("href", "file"),
    [
        ("pone.0000133.g001", "pone.0000133.g001.jpg"),
        ("pone.0000133.g001.tif", "pone.0000133.g001.jpg"),
        ("info:doi/10.1371/journal.pone.0056489.g001", "pone.0056489.g001.png"),
        ("info:doi/10.1371/journal.pone.0056489.g001", "journal.pone.0056489.g001.PNG_L"),
        ("https://minio.example/store/abc/93646bf6.jpg?x=1", "93646bf6.jpg"),
        ("Fig%201.JPG", "fig 1.jpg"),
        ("images/gr1.jpg", "gr1.JPG"),
        ("drawing.eps", "drawing.jpeg"),
        ("a.gif", "a.gif"),
    ],
)
def test_11_the_file_is_found_whatever_the_address_looks_like(href: str, file: str) -> None:
    images = only(article(figure(1, graphic=href)), files=("other.jpg", file, "pone.0000133.g0010.jpg")).images
    assert [image.name for image in images] == [file]


def test_11_a_legacy_thumbnail_is_no_image() -> None:
    text = article(figure(1, graphic="a"))
    assert [image.name for image in only(text, files=("a.gif", "a.jpg")).images] == ["a.jpg"]
    assert reasons(one(text, files=("a.gif",))) == ["no_image_file"]


def test_12_equations_tables_and_inline_graphics_never_become_figures() -> None:
    body = (
        '<p><inline-formula><inline-graphic xlink:href="e1"/></inline-formula><inline-graphic xlink:href="i1"/>'
        '<disp-formula><graphic xlink:href="e2"/></disp-formula></p>'
        '<table-wrap><caption><p>T.</p></caption><graphic xlink:href="t1"/></table-wrap>'
        '<table-wrap><alternatives><graphic xlink:href="t2"/><table/></alternatives></table-wrap>'
        '<supplementary-material><graphic xlink:href="s1"/></supplementary-material>'
    )
    caption = 'where <disp-formula><graphic xlink:href="e3"/></disp-formula> holds.'
    found = one(article(body + figure(1, caption)))
    assert [[image.name for image in figure.images] for figure in found.figures] == [["f1"]]
    assert found.rejects == ()


def test_13_a_caption_keeps_all_its_text() -> None:
    caption = (
        "<title>Title <italic>in italics</italic>.</title><p><?pi x?>Uptake of <sup>18</sup>F at 10<sup>3</sup> and "
        "10<sup>−5</sup>, IC<sub>50</sub><!-- no -->, as in <xref ref-type='fig' rid='f2'>Fig. 2</xref> "
        "[<xref ref-type='bibr' rid='b1'>1</xref>].</p><list><list-item><p>one</p></list-item><list-item><p>two</p>"
        "</list-item></list><p>where <inline-formula><alternatives><tex-math>\\documentclass x</tex-math><mml:math>"
        "<mml:mi>a</mml:mi></mml:math></alternatives></inline-formula> is.</p>"
    )
    body = f'<fig id="f1"><caption>{caption}</caption><graphic xlink:href="a"/></fig>{figure(2)}'
    found = one(article(body))
    assert found.figures[0].caption == (
        "Title in italics. Uptake of 18F at 10^3 and 10^−5, IC50, as in Fig. 2 [1]. one two where a is."
    )
    assert mentions(found)["f2"] == ()


@pytest.mark.parametrize(
    "inside",
    [
        "<attrib>Reproduced with permission from Elsevier.</attrib>",
        "<permissions><copyright-statement>© 2009 Elsevier</copyright-statement></permissions>",
        "<attrib>Adapted from [12].</attrib>",
        '<permissions><license xlink:href="https://creativecommons.org/licenses/by-nc-nd/4.0/"/></permissions>',
    ],
)
def test_13_a_third_partys_figure_is_not_allowed(inside: str) -> None:
    found = one(article(figure(1, inside=inside) + figure(2)))
    assert [figure.article.licence.standing == "allowed" for figure in found.figures] == [False, True]
    assert found.ref.licence.standing == "allowed"


def test_13_a_figure_that_repeats_the_articles_permissions_is_its_own() -> None:
    statement = "<copyright-statement>© The Authors 2020</copyright-statement>"
    licence = CC_BY.replace("<license", statement + "<license", 1)
    inside = f"<permissions>{statement}</permissions>"
    assert only(article(figure(1, inside=inside), licence=licence)).article.licence.standing == "allowed"
    assert only(article(figure(1, inside=licence), licence=licence)).article.licence.standing == "allowed"


def test_13_every_figure_has_its_attribution_line() -> None:
    assert only(article(figure(1))).article.licence.attribution == (
        "Figure 1 of: Meyer. “A title”. Journal of Tests (2020). https://doi.org/10.1000/test.7. "
        "Licence: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)."
    )


def test_14_panels_of_the_caption_are_marked() -> None:
    found = only(article(figure(1, "Mass (pT3). (<bold>A</bold>) CT. (<bold>B</bold>) MR.")))
    assert [(panel.label, found.caption[panel.start : panel.end]) for panel in found.panels] == [
        ("A", "CT."),
        ("B", "MR."),
    ]


# the rest -----------------------------------------------------------------------------------------------------


def test_synthetic_articles_and_figure_types_are_marked() -> None:
    mark = "<custom-meta><meta-name>synthetic</meta-name><meta-value>true</meta-value></custom-meta>"
    meta = f"<custom-meta-group>{mark}</custom-meta-group>"
    text = article(figure(1).replace("<fig ", '<fig fig-type="radiograph" '), meta=meta)
    assert only(text).synthetic
    assert [(label.name, label.source) for label in only(text).labels] == [("radiograph", "jats.fig-type")]
    assert not only(article(figure(1))).synthetic


def test_equal_stems_in_two_articles_stay_two_figures() -> None:
    text = article(figure(1, graphic="gr1"))
    first, second = only(text), only(text.replace(">77<", ">78<"))
    assert first.figure_id != second.figure_id


def test_the_policy_decides_the_standing() -> None:
    text = article(
        figure(1), licence=CC_BY.replace("/by/", "/by-nc/").replace("Attribution", "Attribution-NonCommercial")
    )
    assert only(text).article.licence.standing == "refused"
    assert only(text, policy=Policy(noncommercial=True)).article.licence.standing == "allowed"


def test_images_may_lie_in_a_folder_beside_the_document(tmp_path: Path) -> None:
    text = article(figure(1, graphic="images/a.jpg") + figure(2, graphic="b"))
    write(tmp_path, {"x/doc.xml": text, "x/images/a.jpg": JPEG, "x/Figures/b.png": JPEG})
    (found,) = jats.read(tmp_path, "x/doc.xml", "corpus", Policy())
    assert isinstance(found, Article)
    assert [image.member for figure in found.figures for image in figure.images] == [
        "x/images/a.jpg",
        "x/Figures/b.png",
    ]


def test_a_bare_document_reports_its_figures(tmp_path: Path) -> None:
    write(tmp_path, {"doc.xml": article(figure(1) + figure(2)), "bad.xml": "<article>", "other.xml": "<html/>"})
    results = [result for shard in jats.shards(tmp_path) for result in jats.read(tmp_path, shard, "corpus", Policy())]
    assert sorted(reasons(results)) == ["not_an_article", "xml_unreadable"]
    assert [reasons(result) for result in results if isinstance(result, Article)] == [
        ["no_image_file", "no_image_file"]
    ]

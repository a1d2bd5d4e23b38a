"""BIOMEDICA archives: identity by article and image, texts as authors wrote them, and a reason for all that is lost."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.errors import MissingInput
from medvlsynther.records import Article, Figure, Licence, Reject
from medvlsynther.rules.licence import Policy, for_figure
from medvlsynther.sources import biomedica
from medvlsynther.sources._biomedica_text import _untagged, mentions_of
from medvlsynther.store.corpus import open_member

POLICY = Policy()
TAIL = " in the left lobe. It measured 3 cm ("
PASSAGE = f'A mass is seen in <xref rid="g001">Fig. 1</xref>{TAIL}{TAIL}<xref>Table 1</xref>)).'


def record(
    article: str = "PMC1", image: str = "g001", caption: str = "CT of the chest.", **fields: object
) -> dict[str, Any]:
    return {
        "image_file_name": f"{image}.jpg",
        "image_cluster_id": image,
        "image_panel_type": "multiple",
        "image_panel_subtype": "single panel",
        "image_primary_label": ["Clinical Imaging"],
        "image_secondary_label": ["computerized tomography"],
        "image_set": [{"image_id": image, "caption": caption, "image_path": "/x", "hash": "0"}],
        "image_context": {image: [PASSAGE]},
        "article_accession_id": article,
        "article_title": "A case",
        "article_journal": "Journal",
        "article_date": "1577836800",
        "article_license": "CC BY",
        "article_text": "Full text.",
        **fields,
    }  # fmt: skip


def write(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def members(stem: str, row: object, image: bytes = b"image", suffix: str = "jpg") -> list[tuple[str, bytes]]:
    return [
        (f"{stem}.{suffix}", image),
        (f"{stem}.json", json.dumps(row).encode()),
        (f"{stem}.txt", b"Caption beside."),
    ]


def read(root: Path) -> tuple[list[Figure], list[Reject]]:
    figures: list[Figure] = []
    rejects: list[Reject] = []
    for shard in biomedica.shards(root):
        for found in biomedica.read(root, shard, "corpus", POLICY):
            figures += found.figures if isinstance(found, Article) else ()
            rejects += [found] if isinstance(found, Reject) else found.rejects
    return figures, rejects


def one(tmp_path: Path, **fields: object) -> Figure:
    write(tmp_path / "a.tar", members("0_1-PMC1-0-g001", record(**fields)))  # type: ignore[arg-type]
    figures, rejects = read(tmp_path)
    assert rejects == []
    return figures[0]


# ------------------------------------------------------------------------------------------------ what is read


def test_a_record_becomes_a_figure_with_its_identity_and_labels(tmp_path: Path) -> None:
    figure = one(tmp_path)
    assert figure.figure_id == "PMC1/g001"
    assert (figure.article.pmcid, figure.article.title, figure.article.year) == ("PMC1", "A case", 2020)
    assert figure.article.licence.standing == "allowed"
    assert "A case" in figure.article.licence.attribution
    assert [(label.name, label.source) for label in figure.labels] == [
        ("Clinical Imaging", "biomedica.image_primary_label"),
        ("computerized tomography", "biomedica.image_secondary_label"),
        ("multiple", "biomedica.image_panel_type"),
        ("single panel", "biomedica.image_panel_subtype"),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_images_are_found_again_by_their_place(tmp_path: Path, mode: str) -> None:
    rows = [members(f"0_1-PMC{n}-0-g001", record(f"PMC{n}"), f"image {n}".encode()) for n in range(5)]
    write(tmp_path / "commercial" / "a.tar", [member for row in rows for member in row], mode)
    figures, _ = read(tmp_path)
    for number, figure in enumerate(figures):
        (image,) = figure.images
        assert open_member(tmp_path, image.member, 100) == f"image {number}".encode()


def test_dotted_stems_stay_whole(tmp_path: Path) -> None:
    stem = "0_1-PMC1-0-pone.0000133.g001"
    write(tmp_path / "a.tar", members(stem, record(image="pone.0000133.g001")))
    figures, rejects = read(tmp_path)
    assert ([figure.figure_id for figure in figures], rejects) == (["PMC1/pone.0000133.g001"], [])


def test_contexts_are_cleaned_of_tags_and_of_what_is_said_twice(tmp_path: Path) -> None:
    figure = one(tmp_path)
    assert figure.mentions == ("A mass is seen in Fig. 1 in the left lobe. It measured 3 cm (Table 1).",)
    assert figure.context_quality == "biomedica-repaired"


@pytest.mark.parametrize(
    ("passage", "clean"),
    [
        ('See <xref rid="f">Fig. 2</xref>, , <xref>3</xref> and  and <xref>7</xref>). Done ). Done ',
         "See Fig. 2, 3 and 7). Done"),
        ("See Fig. 2, , 3 and  and 7.", "See Fig. 2, 3 and 7."),
        ("They grew (Fig. 2, , 3 and  and 7). The mean length was 8.3 mm (). The mean length was 8.3 mm (Table 1).",
         "They grew (Fig. 2, 3 and 7). The mean length was 8.3 mm (Table 1)."),
        ("A &lt; B &amp; <italic>C</italic> in <xref>1</xref> &amp; D & D.", "A < B & C in 1 & D."),
        ("No reference at all.", "No reference at all."),
    ],
)  # fmt: skip
def test_each_kind_of_repeat_is_undone(passage: str, clean: str) -> None:
    assert " ".join(mentions_of([passage], "other")) == clean


def test_only_the_sentences_around_the_reference_are_kept() -> None:
    text = "One is first. Two follows. Three has <xref rid='g1.jpg'>Fig. 1</xref>.. Four is next. Five is last."
    assert mentions_of([text, text], "g1") == ("Two follows. Three has Fig. 1. Four is next.",)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="<>&"), max_size=40), min_size=1, max_size=5))
def test_undoing_gives_what_the_authors_wrote(tails: list[str]) -> None:
    written = "Start" + "".join(f"<xref>Fig</xref>{tail}{tail}" for tail in tails)
    assert "".join(_untagged(written)[0]) == "Start" + "".join(f"Fig{tail}" for tail in tails)


def test_a_key_with_the_files_ending_is_the_same_image(tmp_path: Path) -> None:
    assert one(tmp_path, image_context={"g001.jpg": ["Seen here."]}).mentions == ("Seen here.",)


def test_a_caption_beside_the_image_stands_in(tmp_path: Path) -> None:
    assert one(tmp_path, image_set=[]).caption == "Caption beside."
    assert one(tmp_path, image_set=[{"image_id": "g001", "caption": "No caption found"}]).caption == "Caption beside."


# ---------------------------------------------------------------------------------------------------- identity


def test_equal_stems_of_two_articles_are_two_figures(tmp_path: Path) -> None:
    write(
        tmp_path / "a.tar", members("k0", record("PMC1", "gr1", "One.")) + members("k1", record("PMC2", "gr1", "Two."))
    )
    figures, _ = read(tmp_path)
    assert [(figure.figure_id, figure.caption) for figure in figures] == [("PMC1/gr1", "One."), ("PMC2/gr1", "Two.")]


def test_two_images_of_one_name_are_two_figures(tmp_path: Path) -> None:
    write(
        tmp_path / "a.tar", members("k0", record("PMC1", "gr1", "One.")) + members("k1", record("PMC1", "gr1", "Two."))
    )
    figures, _ = read(tmp_path)
    assert len({figure.figure_id for figure in figures}) == 2


@pytest.mark.parametrize("accession", [None, "", "None"])
def test_articles_without_an_id_are_never_one(tmp_path: Path, accession: str | None) -> None:
    rows = [members(f"k{n}", record(article_accession_id=accession, image=f"i{n}", caption="Same.")) for n in range(3)]
    write(tmp_path / "a.tar", [member for row in rows for member in row])
    figures, _ = read(tmp_path)
    assert len({figure.article.article_id for figure in figures}) == 3
    assert [len(figure.images) for figure in figures] == [1, 1, 1]


def group(count: int, article: str = "PMC1") -> list[tuple[str, bytes]]:
    images = [{"image_id": f"g{n}", "caption": "The same."} for n in range(count)]
    rows = [members(f"0_1-{article}-{n}-g{n}", record(article, f"g{n}", image_set=images)) for n in range(count)]
    return [member for row in reversed(rows) for member in row]


def test_images_of_one_caption_are_one_figure_in_the_articles_order(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", group(3) + group(2, "PMC2"))
    figures, _ = read(tmp_path)
    assert [(f.figure_id, [image.name for image in f.images]) for f in figures] == [
        ("PMC1/g0", ["g0.jpg", "g1.jpg", "g2.jpg"]),
        ("PMC2/g0", ["g0.jpg", "g1.jpg"]),
    ]


def test_what_waits_for_others_is_bounded_and_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(biomedica, "HELD", 2)
    write(tmp_path / "a.tar", group(5))
    figures, _ = read(tmp_path)
    assert sum(len(figure.images) for figure in figures) == 5


# -------------------------------------------------------------------------------------------------- labels, rights


@pytest.mark.parametrize(
    ("primary", "secondary", "wanted"),
    [
        (["Clinical Imaging"], ["brain"], True),
        (["Microscopy"], ["light microscopy"], True),
        (["Microscopy"], ["electron microscopy"], False),
        (["Plots and Charts"], ["line plot"], False),
        (["Plots and Charts", "Clinical Imaging"], [], True),
        ([], [], True),
        (None, None, True),
        ("Tables", None, False),
    ],
)
def test_labels_are_looked_at_first(tmp_path: Path, primary: object, secondary: object, wanted: bool) -> None:
    row = record(image_primary_label=primary, image_secondary_label=secondary)
    write(tmp_path / "a.tar", members("0_1-PMC1-0-g001", row))
    figures, rejects = read(tmp_path)
    assert bool(figures) == wanted
    assert [(reject.id, reject.reason) for reject in rejects] == [("PMC1/g001", "label_not_wanted")] * (not wanted)


def test_a_text_that_speaks_of_labels_is_no_label(tmp_path: Path) -> None:
    row = {"article_text": '"image_primary_label": ["Tables"]', **record()}
    write(tmp_path / "a.tar", members("k", row))
    assert len(read(tmp_path)[0]) == 1


def test_the_licence_is_the_records_and_not_the_folders(tmp_path: Path) -> None:
    for number, code in enumerate(("CC BY", "CC BY-ND", "CC BY-NC", "NO-CC CODE", "None")):
        write(tmp_path / "commercial" / f"{number}.tar", members("k", record(f"PMC{number}", article_license=code)))
    standings = [figure.article.licence.standing for figure in read(tmp_path)[0]]
    assert standings == ["allowed", "refused", "refused", "quarantined", "quarantined"]


@pytest.mark.parametrize(
    "caption",
    [
        "Reproduced with permission from Elsevier.", "Reprinted from [3].", "Republished from X.", "Adapted from [3].",
        "Modified after Y.", "Redrawn from Z.", "Image taken from [3].", "Image borrowed from [2].",
        "Image courtesy of Dr. Q.", "© 2010 Elsevier.", "Copyright 2010.", "All rights reserved.", "(C) 2010 Elsevier.",
        "CT of the chest.",
    ],
)  # fmt: skip
def test_leaving_out_the_look_at_rights_changes_nothing(caption: str) -> None:
    article = Licence(code="CC-BY-4.0", standing="allowed")
    assert biomedica._licence(article, caption, POLICY) == for_figure(article, POLICY, caption=caption)


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "json_damaged"),
        (b"{", "json_damaged"),
        (b'{"article_title": "caf\xe9"}', "json_damaged"),
        (b"[]", "record_malformed"),
        (b"null", "record_malformed"),
        (b'{"image_set": {"a": 1}}', "record_malformed"),
        (b'{"image_cluster_id": [1]}', "record_malformed"),
        (b'{"article_text": ' + b"[" * 100_000, "json_damaged"),
        (b"version https://git-lfs.github.com/spec/v1", "json_damaged"),
        (b'{"image_set": [], "image_cluster_id": "x"}', "no_caption"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, raw: bytes, reason: str) -> None:
    write(tmp_path / "a.tar", [("k0.jpg", b"i"), ("k0.json", raw), *members("k1", record("PMC9"))])
    figures, rejects = read(tmp_path)
    assert [figure.figure_id for figure in figures] == ["PMC9/g001"]
    assert [(reject.id, reject.reason) for reject in rejects] == [("a.tar/k0", reason)]


def test_parts_of_records_are_named(tmp_path: Path) -> None:
    whole = members("k1", record())
    write(
        tmp_path / "a.tar",
        [("k0.jpg", b"i"), whole[0], ("README", b""), whole[1], ("k2.json", whole[1][1]), ("k0.png", b"i")],
    )
    figures, rejects = read(tmp_path)
    assert len(figures) == 1
    assert sorted((reject.id, reject.reason) for reject in rejects) == [
        ("a.tar/README", "not_a_record"),
        ("a.tar/k0", "json_missing"),
        ("a.tar/k0", "json_missing"),
        ("a.tar/k2", "image_missing"),
    ]


def test_members_apart_from_each_other_are_joined(tmp_path: Path) -> None:
    one, two = members("k1", record("PMC1")), members("k2", record("PMC2"))
    write(tmp_path / "a.tar", [one[0], two[0], one[1], two[1], one[2], two[2]])
    figures, rejects = read(tmp_path)
    assert sorted(figure.figure_id for figure in figures) == ["PMC1/g001", "PMC2/g001"]
    assert [reject.reason for reject in rejects] == []


def test_archives_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "lfs.tar").write_text("version https://git-lfs.github.com/spec/v1")
    (tmp_path / "empty.tar").touch()
    figures, rejects = read(tmp_path)
    assert figures == []
    assert [(reject.id, reject.reason) for reject in rejects] == [
        ("empty.tar", "tar_truncated"),
        ("lfs.tar", "lfs_pointer"),
    ]


def test_a_folder_without_archives_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        biomedica.shards(tmp_path)
    with pytest.raises(MissingInput):
        biomedica.shards(tmp_path / "nowhere")


def damaged(shared: Path) -> Iterator[tuple[str, int, list[str]]]:
    for folder in sorted((shared / "samples/bad_inputs").glob("c*")):
        figures, rejects = read(folder)
        yield folder.name[:3], len(figures), [reject.reason for reject in rejects]


def test_the_damaged_samples_lose_no_more_than_what_is_damaged(shared: Path) -> None:
    assert list(damaged(shared)) == [
        ("c01", 9, ["tar_truncated", "json_missing"]),
        ("c02", 9, ["tar_damaged", "image_missing"]),
        ("c03", 4, ["record_malformed"]),
        ("c08", 2, []),
        ("c14", 10, []),
        ("c17", 40, []),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_stops_the_reading(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("damaged")
    path = write(root / "a.tar", group(2) + members("k", record("PMC7")))
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    figures, rejects = read(root)
    assert sum(len(figure.images) for figure in figures) <= 3
    assert figures or rejects

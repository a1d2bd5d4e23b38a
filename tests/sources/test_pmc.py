"""PubMed Central on disk in all its shapes, whole and damaged."""

import hashlib
import io
import json
import os
import pickle
import tarfile
from functools import partial
from pathlib import Path

import pytest

from medvlsynther.errors import MissingInput
from medvlsynther.records import Article, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import pmc
from tests.sources.material import JPEG, article, damaged, figure, reasons, tar, write, xref

BODY = f"<p>See {xref('f1', 'Fig. 1')}.</p>{figure(1)}"


def everything(root: Path, **policy: object) -> list[Article | Reject]:
    return [r for shard in pmc.shards(root) for r in pmc.read(root, shard, "corpus", Policy.model_validate(policy))]


def articles(results: list[Article | Reject]) -> list[Article]:
    return [result for result in results if isinstance(result, Article)]


def record(pmcid: str = "PMC77", version: int = 1, **fields: object) -> str:
    stated = {"pmcid": pmcid, "version": version, "license_code": "CC BY", "is_pmc_openaccess": True, "media_urls": []}
    return json.dumps({**stated, **fields})


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# the cloud layout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["PMC77.1/PMC77.1.json", "metadata/PMC77.1.json"])
def test_the_cloud_layout_gives_version_licence_and_gates(tmp_path: Path, place: str) -> None:
    stated = record(is_retracted=True, is_manuscript=True, license_code="CC BY-NC")
    write(tmp_path, {"PMC77.1/PMC77.1.xml": article(BODY), "PMC77.1/f1.jpg": JPEG, place: stated})
    (found,) = articles(everything(tmp_path))
    assert (found.ref.article_id, found.ref.version, found.ref.retracted) == ("PMC77.1", 1, True)
    assert found.ref.licence.standing == "quarantined"
    assert "metadata_cc_by_nc" in found.ref.licence.reasons
    assert [label.source for label in found.figures[0].labels] == ["pmc.is_manuscript"]
    assert [image.member for image in found.figures[0].images] == ["PMC77.1/f1.jpg"]


def test_versions_are_compared_as_numbers(tmp_path: Path) -> None:
    write(tmp_path, {f"PMC77.{v}/PMC77.{v}.xml": article(BODY) for v in (2, 9, 10)})
    results = everything(tmp_path)
    assert [found.ref.article_id for found in articles(results)] == ["PMC77.10"]
    assert sorted(reasons(results)) == ["superseded_version", "superseded_version"]


def test_a_recognised_scan_gives_no_figures(tmp_path: Path) -> None:
    write(tmp_path, {"PMC77.1/PMC77.1.xml": article(BODY), "PMC77.1/PMC77.1.json": record(is_historical_ocr=True)})
    assert reasons(articles(everything(tmp_path))[0]) == ["historical_ocr"]


def test_stated_digests_are_checked(tmp_path: Path) -> None:
    text = article(BODY)
    xml = f"s3://pmc-oa-opendata/PMC77.1/PMC77.1.xml?md5={md5(text.encode())}"
    media = [f"s3://pmc-oa-opendata/PMC77.1/f1.jpg?md5={md5(JPEG)}"]
    write(tmp_path, {"PMC77.1/PMC77.1.xml": text, "PMC77.1/f1.jpg": JPEG})
    write(tmp_path, {"PMC77.1/PMC77.1.json": record(xml_url=xml, media_urls=media)})
    assert len(articles(everything(tmp_path))[0].figures) == 1
    write(tmp_path, {"PMC77.1/f1.jpg": JPEG + b"!"})
    assert reasons(articles(everything(tmp_path))[0]) == ["md5_mismatch"]
    write(tmp_path, {"PMC77.1/PMC77.1.xml": text + " "})
    assert reasons(everything(tmp_path)) == ["md5_mismatch"]


def test_metadata_without_its_article_and_broken_metadata_are_rejects(tmp_path: Path) -> None:
    write(tmp_path, {"metadata/PMC1.1.json": record("PMC1"), "PMC2.1/PMC2.1.xml": article(), "PMC2.1/PMC2.1.json": "{"})
    write(tmp_path, {"other.json": "[1, 2]"})
    assert sorted(reasons(everything(tmp_path))) == [
        "metadata_unreadable",
        "metadata_without_article",
        "not_an_article",
    ]


# legacy packages and file lists ---------------------------------------------------------------------------------


def test_a_package_is_read_where_it_lies_packed(tmp_path: Path) -> None:
    members = {
        "J_2010/a.nxml": article(BODY).encode(),
        "J_2010/f1.jpg": JPEG,
        "J_2010/f1.gif": JPEG,
        "J_2010/e1.jpg": JPEG,
    }
    tar(tmp_path / "PMC77.tar.gz", members)
    (found,) = articles(everything(tmp_path))
    assert [image.member for image in found.figures[0].images] == ["PMC77.tar.gz!J_2010/f1.jpg"]


def test_members_of_a_plain_tar_are_named_by_their_place(tmp_path: Path) -> None:
    path = tar(tmp_path / "PMC77.tar", {"p/f1.jpg": JPEG, "p/a.nxml": article(BODY).encode()})
    (found,) = articles(everything(tmp_path))
    offset, _, size = found.figures[0].images[0].member.removeprefix("PMC77.tar@").partition("+")
    assert path.read_bytes()[int(offset) :][: int(size)] == JPEG


@pytest.mark.parametrize("unpacked", ["PMC77/x.nxml", "deep/PMC77/x.nxml", "PMC77.xml"])
def test_an_article_packed_and_unpacked_counts_once(tmp_path: Path, unpacked: str) -> None:
    write(tmp_path, {unpacked: article(BODY)})
    tar(tmp_path / "PMC77.tar.gz", {"p/a.nxml": article(BODY).encode()})
    results = everything(tmp_path)
    assert len(articles(results)) == 1
    assert reasons(results) == ["duplicate_article"]


def test_several_documents_of_a_package_are_all_read(tmp_path: Path) -> None:
    other = article().replace(">77<", ">78<")
    write(tmp_path, {"PMC77/a.nxml": article(), "PMC77/b.nxml": other})
    members = {
        "p/a.nxml": other.encode(),
        "p/b.nxml": other.encode(),
        "q/c.nxml": article().replace(">77<", ">79<").encode(),
    }
    tar(tmp_path / "bulk.tar.gz", members)
    results = everything(tmp_path)
    assert sorted(found.ref.article_id for found in articles(results)) == ["PMC77", "PMC78", "PMC78", "PMC79"]
    assert reasons(results) == ["duplicate_article"]


def test_a_cut_archive_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    path = tar(tmp_path / "PMC77.tar.gz", {"p/a.nxml": article(BODY).encode(), "p/f1.jpg": os.urandom(200_000)})
    path.write_bytes(path.read_bytes()[:100_000])
    results = everything(tmp_path)
    assert [reasons(found) for found in articles(results)] == [["no_image_file"]]
    assert set(reasons(results)) == {"tar_truncated", "gzip_damaged"}


def test_damage_in_the_middle_costs_only_what_it_hit(tmp_path: Path) -> None:
    members = {f"p/{n}.nxml": article().replace(">77<", f">{n}<").encode() for n in range(100, 105)}
    path = tar(tmp_path / "a.tar", members)
    data = bytearray(path.read_bytes())
    data[data.index(b"p/102.nxml")] ^= 1
    path.write_bytes(data)
    results = everything(tmp_path)
    assert [found.ref.article_id for found in articles(results)] == ["PMC100", "PMC101", "PMC103", "PMC104"]
    assert reasons(results) == ["tar_damaged"]


def test_links_devices_and_names_outside_are_left_alone(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("p/f1.jpg", tarfile.SYMTYPE), ("p/b.xml", tarfile.LNKTYPE), ("p/c.xml", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("../out.xml", "/etc/x.xml", "a/../../f1.jpg", "p/a.xml"):
            info = tarfile.TarInfo(name)
            data = article(BODY).encode()
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    results = everything(tmp_path)
    assert [reasons(found) for found in articles(results)] == [["no_image_file"]]
    assert reasons(results) == ["unsafe_member"] * 3


def test_the_file_list_gives_licence_and_retraction(tmp_path: Path) -> None:
    header = "File,Article Citation,Accession ID,Last Updated (YYYY-MM-DD HH:MM:SS),PMID,License,Retracted\n"
    lines = "oa_package/1e/a1/PMC77.tar.gz,J. 2020,PMC77,2024-01-01 00:00:00,1,CC BY-NC,yes\nx,y,PMC5,z,1,CC0,no\n"
    write(tmp_path, {"oa_file_list.csv": header + lines, "PMC77/a.nxml": article(), "PMC6/a.nxml": article()})
    refs = [found.ref for found in articles(everything(tmp_path))]
    assert [(ref.licence.standing, ref.retracted) for ref in refs] == [("allowed", False), ("quarantined", True)]


# BioC -----------------------------------------------------------------------------------------------------------

PASSAGES: list[tuple[dict[str, str], str]] = [
    (
        {"type": "front", "article-id_pmc": "77", "article-id_doi": "10.1000/x", "license": "CC BY", "year": "2020"},
        "Title",
    ),
    ({"type": "paragraph", "section_type": "RESULTS"}, "One. The mass is shown in Fig. 1. Fig 10 is not."),
    ({"type": "fig_title_caption", "id": "Fig1", "file": "f1.jpg"}, "CT of the chest."),
    ({"type": "fig_caption", "id": "Fig1", "file": "f1.jpg"}, "(A) Axial."),
]


def test_bioc_in_json_and_xml_is_text_with_its_figures(tmp_path: Path) -> None:
    passages = [{"infons": infons, "text": text} for infons, text in PASSAGES]
    in_json = json.dumps([{"source": "PMC", "documents": [{"id": "77", "passages": passages}]}])
    in_xml = ""
    for infons, text in PASSAGES:
        keys = "".join(f'<infon key="{key}">{value}</infon>' for key, value in infons.items())
        in_xml += f"<passage>{keys}<text>{text}</text></passage>"
    whole = f"<collection><document><id>77</id>{in_xml}</document></collection>"
    found = []
    for name, text in (("PMC77.json", in_json), ("PMC77.xml", whole)):
        root = write(tmp_path / name, {name: text, "f1.jpg": JPEG})
        found += articles(everything(root))
    assert found[0] == found[1]
    (drawn,) = found[0].figures
    assert (drawn.caption, drawn.label, drawn.context_quality) == (
        "CT of the chest. (A) Axial.",
        "Figure 1",
        "plain-text",
    )
    assert drawn.mentions == ("One. The mass is shown in Fig. 1. Fig 10 is not.",)
    assert found[0].ref.article_id == "PMC77"
    assert found[0].ref.licence.code == "CC-BY"


# anything else ----------------------------------------------------------------------------------------------------


def test_shards_stand_in_natural_order_and_can_be_sent(tmp_path: Path) -> None:
    write(tmp_path, {f"PMC{n}/a.nxml": article() for n in (10, 9, 100)})
    assert pmc.shards(tmp_path) == ["PMC9/a.nxml", "PMC10/a.nxml", "PMC100/a.nxml"]
    job = pickle.loads(pickle.dumps(partial(pmc.read, tmp_path, corpus="c", policy=Policy())))
    assert len(list(job("PMC9/a.nxml"))) == 1


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: write(path, {"a.pdf": b"x"})]
)
def test_an_empty_or_wrong_folder_is_a_users_error(tmp_path: Path, make: "object") -> None:
    root = tmp_path / "corpus"
    make(root)  # type: ignore[operator]
    with pytest.raises(MissingInput, match="corpus"):
        pmc.shards(root)


def test_damaged_documents_and_archives_are_counted_rejects(tmp_path: Path) -> None:
    whole = article(BODY * 20).encode()
    packed = tar(tmp_path / "whole.tar.gz", {"p/a.nxml": whole, "p/f1.jpg": os.urandom(4_000)}).read_bytes()
    plain = tar(tmp_path / "whole.tar", {"p/a.nxml": whole, "p/f1.jpg": os.urandom(4_000)}).read_bytes()
    for name, data in (
        ("PMC1/a.nxml", whole),
        ("PMC1.tar.gz", packed),
        ("PMC1.tar", plain),
        ("a.json", b'{"pmcid": "PMC1"}'),
    ):
        for number, (_, bad) in enumerate(damaged(data)):
            root = write(tmp_path / f"{Path(name).name}-{number}", {name: bad})
            results = everything(root)
            assert results
            assert all(isinstance(result, Article) or result.reason.isidentifier() for result in results)


def test_a_special_file_is_no_trap(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    os.mkfifo(tmp_path / "b.tar.gz")
    assert reasons(everything(tmp_path)) == ["unreadable_file", "unreadable_file"]

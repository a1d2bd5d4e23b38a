"""Images of one's own: tables, sidecars and DICOM, in order and in disorder."""

import json
import sys
from pathlib import Path

import pytest

from medvlsynther.errors import MissingExtra, MissingInput
from medvlsynther.records import Article, Figure, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import folder
from tests.sources.material import JPEG, damaged, reasons, write


def everything(root: Path) -> list[Article | Reject]:
    return [result for shard in folder.shards(root) for result in folder.read(root, shard, "corpus", Policy())]


def figures(root: Path) -> list[Figure]:
    return [figure for result in everything(root) if isinstance(result, Article) for figure in result.figures]


def rejected(root: Path) -> list[str]:
    results = everything(root)
    return reasons(results) + [
        reason for result in results if isinstance(result, Article) for reason in reasons(result)
    ]


def test_a_table_gives_what_its_columns_say(tmp_path: Path) -> None:
    table = (
        "Image,Caption,figure_id,article_id,licence,label,mentions,modality,patient_name,year\n"
        'scans/a.jpg,"CT, axial",f1,A1,CC BY 4.0,Fig. 1,"[""It grew."", ""It fell.""]",CT,Jane Doe,2020\n'
    )
    write(tmp_path, {"captions.csv": table, "scans/a.jpg": JPEG})
    (figure,) = figures(tmp_path)
    assert (figure.figure_id, figure.article.article_id, figure.caption, figure.label) == (
        "A1/f1",
        "A1",
        "CT, axial",
        "Fig. 1",
    )
    assert figure.mentions == ("It grew.", "It fell.")
    assert figure.context_quality == "plain-text"
    assert [(label.name, label.source) for label in figure.labels] == [("CT", "metadata.modality")]
    assert [(image.name, image.member, image.corpus) for image in figure.images] == [("a.jpg", "scans/a.jpg", "corpus")]
    assert (figure.article.licence.code, figure.article.licence.standing, figure.article.year) == (
        "CC-BY-4.0",
        "allowed",
        2020,
    )
    assert "Doe" not in figure.model_dump_json()


def test_jsonl_and_csv_say_the_same(tmp_path: Path) -> None:
    row = {"image": "a.jpg", "caption": "CT of the chest.", "licence": "CC0", "mentions": "Seen."}
    write(tmp_path / "j", {"t.jsonl": json.dumps(row) + "\n", "a.jpg": JPEG})
    write(tmp_path / "c", {"t.csv": ",".join(row) + "\n" + ",".join(row.values()), "a.jpg": JPEG})
    write(tmp_path / "t", {"t.tsv": "\t".join(row) + "\n" + "\t".join(row.values()), "a.jpg": JPEG})
    assert figures(tmp_path / "j") == figures(tmp_path / "c") == figures(tmp_path / "t")
    assert figures(tmp_path / "c")[0].article.licence.standing == "allowed"


def test_rows_of_one_figure_are_its_images(tmp_path: Path) -> None:
    lines = ["a.jpg,C.,f1", "b.jpg,C.,f1", "c.jpg;d.jpg,D.,f2", "e.jpg,E.,f1", "a.jpg,Other.,"]
    files = {f"{name}.jpg": JPEG for name in "abcde"}
    write(tmp_path, {"t.csv": "image,caption,figure_id\n" + "\n".join(lines), **files})
    assert [[image.name for image in figure.images] for figure in figures(tmp_path)] == [
        ["a.jpg", "b.jpg"], ["c.jpg", "d.jpg"], ["a.jpg"],
    ]  # fmt: skip
    assert rejected(tmp_path) == ["duplicate_figure"]


def test_a_text_file_beside_an_image_is_its_caption(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"x/a.jpg": JPEG, "x/a.txt": "(A) CT.\n(B) MR.", "x/b.png": JPEG, "x/b.png.txt": "MR.", "x/c.jpg": JPEG},
    )
    assert [(figure.figure_id, figure.caption) for figure in figures(tmp_path)] == [
        ("file:x/a/1", "(A) CT. (B) MR."), ("file:x/b/1", "MR."),
    ]  # fmt: skip
    assert [panel.label for panel in figures(tmp_path)[0].panels] == ["A", "B"]
    assert rejected(tmp_path) == ["no_caption"]


def test_an_image_of_a_table_is_not_read_twice(tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": "image,caption\nx/a.jpg,From the table.", "x/a.jpg": JPEG, "x/a.txt": "From the file."})
    assert [figure.caption for figure in figures(tmp_path)] == ["From the table."]
    assert rejected(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone.jpg", "no_image_file"),
        ("../secret.jpg", "unsafe_path"),
        ("/etc/x.jpg", "unsafe_path"),
        ("notes.pdf", "not_an_image"),
        ("x" * 5000 + ".jpg", "no_image_file"),
        ("", "no_image_file"),
    ],
)
def test_a_bad_path_is_a_reject(tmp_path: Path, path: str, reason: str) -> None:
    write(tmp_path / "root", {"t.jsonl": json.dumps({"image": path, "caption": "C."})})
    write(tmp_path, {"secret.jpg": JPEG})
    assert rejected(tmp_path / "root") == [reason]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("t.csv", "picture,text\na.jpg,C.", "missing_columns"),
        ("t.csv", "", "missing_columns"),
        ("t.csv", "image,caption\na.jpg,C.,extra", "row_unreadable"),
        ("t.csv", "image,caption\na.jpg,", "no_caption"),
        ("t.csv", b"image,caption\na.jpg,\xff\xfe", "not_utf8"),
        ("t.jsonl", "[1]\n", "row_unreadable"),
        ("t.jsonl", '{"image": "a.jpg", "caption": 7e999}', "row_unreadable"),
        ("t.csv", 'image,caption\na.jpg,"' + "x" * 200_000, "table_unreadable"),
    ],
)
def test_a_bad_table_is_a_reject(tmp_path: Path, name: str, data: str | bytes, reason: str) -> None:
    write(tmp_path, {name: data, "b.jpg": JPEG, "b.txt": "Fine.", "a.jpg": JPEG})
    assert reason in rejected(tmp_path)
    assert [figure.caption for figure in figures(tmp_path)] == ["Fine."]


def test_damaged_tables_never_raise(tmp_path: Path) -> None:
    whole = b"image,caption\n" + b"a.jpg,A caption of it\n" * 50
    for number, (_, data) in enumerate(damaged(whole)):
        assert everything(write(tmp_path / str(number), {"t.csv": data, "u.jsonl": data, "a.jpg": JPEG}))


def test_nothing_to_read_is_a_users_error(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "gone"):
        with pytest.raises(MissingInput):
            folder.shards(root)


# DICOM ----------------------------------------------------------------------------------------------------------


def dicom(path: Path) -> Path:
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    header = pydicom.dataset.FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    header.PatientName, header.PatientID = "Doe^Jane", "SECRET7"
    header.Modality, header.BodyPartExamined = "CT", "CHEST"
    header.save_as(path, enforce_file_format=True)
    return path


def test_dicom_tells_modality_and_body_part_and_nothing_of_the_patient(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm")
    write(tmp_path, {"a.txt": "CT of the chest."})
    (figure,) = figures(tmp_path)
    assert [(label.name, label.source) for label in figure.labels] == [
        ("CT", "dicom.Modality"), ("CHEST", "dicom.BodyPartExamined"),
    ]  # fmt: skip
    assert not {"Doe", "SECRET7"} & set(figure.model_dump_json().split('"'))


def test_what_is_no_dicom_is_a_reject(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    for number, (_, data) in enumerate(damaged(dicom(tmp_path / "whole.dcm").read_bytes())):
        root = write(tmp_path / str(number), {"a.dcm": data, "a.txt": "CT."})
        assert figures(root) or rejected(root) == ["dicom_unreadable"]


def test_without_pydicom_the_mend_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    write(tmp_path, {"a.dcm": b"x", "a.txt": "CT."})
    with pytest.raises(MissingExtra, match=r"medvlsynther\[dicom\]"):
        everything(tmp_path)

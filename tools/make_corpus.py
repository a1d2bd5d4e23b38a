"""Draw and write the miniature corpus: `python tools/make_corpus.py [folder]` gives the same bytes on every run.

Every article and every figure of it is made up and drawn; each says so in its XML (`custom-meta` "synthetic"), in its
metadata and in each image. The layout is that of the PMC cloud: `SYN0001.1/SYN0001.1.xml`, the images and a JSON record
beside it. Identities are publisher ids that cannot be taken for those of real articles.
"""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b, md5
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import yaml
from miniature import charts, optics, radiology, tissue
from miniature.canvas import Plane, Rng
from PIL import Image

SEED = 20251
QUALITY = 80
"""JPEG quality of the images."""
HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "src" / "medvlsynther" / "assets" / "corpora" / "miniature"
SCENES: Mapping[str, Callable[[Rng, str], Plane]] = {
    name: scene
    for room, names in (
        (
            radiology,
            "chest_radiograph limb_radiograph abdomen_radiograph mammogram angiogram chest_ct abdomen_ct head_ct "
            "brain_mr spine_mr knee_mr ultrasound scintigram",
        ),
        (optics, "fundus oct_scan eye_photo dermoscopy skin_photo mouth_photo endoscopy"),
        (tissue, "histology smear"),
        (charts, "ecg chart"),
    )
    for name in names.split()
    for scene in (getattr(room, name),)
} | {"oct": optics.oct_scan}
LICENCES = {
    "cc-by-4.0": ("CC BY", "https://creativecommons.org/licenses/by/4.0/", "Creative Commons Attribution 4.0 License"),
    "cc-by-sa-4.0": (
        "CC BY-SA",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "Creative Commons Attribution-ShareAlike 4.0 License",
    ),
    "cc-by-nc-4.0": (
        "CC BY-NC",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        "Creative Commons Attribution-NonCommercial 4.0 License",
    ),
    "cc0-1.0": ("CC0", "https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0 Universal dedication"),
}
SYNTHETIC = (
    "<custom-meta-group><custom-meta><meta-name>synthetic</meta-name><meta-value>true</meta-value></custom-meta>"
    "</custom-meta-group>"
)


def main(folder: Path) -> None:
    """Write the whole corpus anew."""
    articles: list[dict[str, Any]] = yaml.safe_load((HERE / "miniature" / "articles.yaml").read_text(encoding="utf-8"))
    if folder.exists():
        shutil.rmtree(folder)
    for number, article in enumerate(articles, 1):
        name = f"SYN{number:04d}.1"
        files = {file: data for figure, drawn in _figures(article, name) for file, data in drawn}
        files[f"{name}.xml"] = _xml(article, name).encode()
        files[f"{name}.json"] = _record(article, name, files)
        (folder / name).mkdir(parents=True)
        for file, data in files.items():
            (folder / name / file).write_bytes(data)


# ------------------------------------------------------------------------------------------------- images


def _files(name: str, number: int, figure: Mapping[str, Any]) -> list[str]:
    """The image files of one figure."""
    stem = f"{name.split('.')[0].lower()}-g{number:03d}"
    count = len(figure.get("images", "1"))
    return [f"{stem}.jpg"] if count == 1 else [f"{stem}{'abcdef'[place]}.jpg" for place in range(count)]


def _figures(article: Mapping[str, Any], name: str) -> Iterator[tuple[Mapping[str, Any], list[tuple[str, bytes]]]]:
    for number, figure in enumerate(article["figures"], 1):
        files = _files(name, number, figure)
        if "montage" in figure:
            panels = [_draw(scene, f"{files[0]}/{place}") for place, scene in enumerate(figure["montage"])]
            yield figure, [(files[0], _jpeg(charts.montage(panels)))]
        else:
            yield figure, [(file, _image(scene, file)) for file, scene in zip(files, figure["images"], strict=True)]


def _image(scene: str, file: str) -> bytes:
    if scene == "corrupt":
        return _jpeg(_draw("ultrasound cyst", file))[:900]
    return _jpeg(_draw(scene, file))


def _draw(scene: str, file: str) -> Plane:
    kind, _, finding = scene.partition(" ")
    seed = int.from_bytes(blake2b(f"{SEED}/{file}/{scene}".encode(), digest_size=8).digest(), "big")
    return SCENES[kind](np.random.default_rng(seed), finding)


def _jpeg(picture: Plane) -> bytes:
    levels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=QUALITY, comment=b"synthetic: drawn, not taken")
    return file.getvalue()


# ------------------------------------------------------------------------------------------------- words


def _xml(article: Mapping[str, Any], name: str) -> str:
    _, uri, words = LICENCES[article.get("licence", "cc-by-4.0")]
    identity = name.split(".")[0]
    figures = [_fig(name, number, figure) for number, figure in enumerate(article["figures"], 1)]
    floats = article.get("layout") == "floats"
    body = "".join(f"<p>{_linked(text)}</p>" for text in article["text"])
    related = '<related-article related-article-type="retraction-forward" id="r1">Withdrawn.</related-article>'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<article article-type="{article["type"]}" xml:lang="en" xmlns:xlink="http://www.w3.org/1999/xlink">
<front>
<journal-meta><journal-id journal-id-type="publisher-id">miniature</journal-id>
<journal-title-group><journal-title>Miniature Journal of Drawn Medicine</journal-title></journal-title-group>
</journal-meta>
<article-meta>
<article-id pub-id-type="publisher-id">{identity}</article-id>
<title-group><article-title>{escape(_title(article))}</article-title></title-group>
<pub-date pub-type="epub"><year>{article["year"]}</year></pub-date>
<permissions><copyright-statement>No rights of patients are touched: everything here is made up.</copyright-statement>
<license xlink:href="{uri}">
<license-p>Written and drawn for software tests, under the {words}.</license-p></license></permissions>
{related if article.get("retracted") else ""}{SYNTHETIC}
</article-meta>
</front>
<body><sec><title>{"Case" if article["type"] == "case-report" else "Text"}</title>
{body}
{"" if floats else chr(10).join(figures)}
</sec></body>
{f"<floats-group>{chr(10).join(figures)}</floats-group>" if floats else ""}
</article>
"""


def _title(article: Mapping[str, Any]) -> str:
    return ("Retracted: " if article.get("retracted") else "") + str(article["title"])


def _linked(text: str) -> str:
    """A paragraph with its "[f1|Figure 1]" as references."""
    return re.sub(r"\[(f\d+)\|([^]]+)\]", r'<xref ref-type="fig" rid="\1">\2</xref>', escape(text))


def _fig(name: str, number: int, figure: Mapping[str, Any]) -> str:
    graphics = "".join(f"<graphic xlink:href={quoteattr(file)}/>" for file in _files(name, number, figure))
    return (
        f'<fig id="f{number}" fig-type={quoteattr(figure["kind"])} specific-use="synthetic">'
        f"<label>Figure {number}</label><caption><p>{escape(figure['caption'])}</p></caption>{graphics}</fig>"
    )


def _record(article: Mapping[str, Any], name: str, files: Mapping[str, bytes]) -> bytes:
    """The metadata record, with the fields of the PMC cloud's; a PMCID it has none."""
    identity, version = name.split(".")
    record = {
        "pmcid": None,
        "publisher_id": identity,
        "version": int(version),
        "title": _title(article),
        "citation": f"Miniature Journal of Drawn Medicine {article['year']}, {identity}",
        "is_pmc_openaccess": True,
        "is_manuscript": False,
        "is_historical_ocr": False,
        "is_retracted": bool(article.get("retracted")),
        "license_code": LICENCES[article.get("licence", "cc-by-4.0")][0],
        "synthetic": True,
        "media_urls": [
            f"{file}?md5={md5(data, usedforsecurity=False).hexdigest()}"
            for file, data in files.items()
            if file.endswith(".jpg")
        ],
    }
    return (json.dumps(record, indent=1) + "\n").encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

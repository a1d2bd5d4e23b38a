"""Who an image or an article is, by the names that data sets give them: keys that are equal for the same thing.

Kinds of keys, strongest first: "item:" and "sha256:" one thing under its own name, "figure:" and "file:" one image,
"case:", "pmcid:" and "doi:" one case or article.
"""

import re
from pathlib import PurePosixPath

MEASURES = {
    "item": "same_item",
    "sha256": "same_file",
    "figure": "same_figure",
    "file": "same_file",
    "case": "same_case",
    "pmcid": "same_article",
    "doi": "same_article",
}
"""Kind of key to what equal keys mean."""

IMAGE_MEASURES = frozenset({"same_item", "same_file", "same_figure"})
"""Measures that say that the image is the same, not only the article."""

_PMCID = re.compile(r"(?<![A-Za-z0-9])PMC(\d{1,9})(?!\d)", re.IGNORECASE)
_LABEL = re.compile(r"^\W*(?:fig(?:ure)?s?)?\W*(\d{1,3})(?!\d)", re.IGNORECASE)
_IN_NAME = re.compile(r"(?:^|[._\-])(?:f|g|gr|gf|fig|figure)[_\-]?0*(\d{1,3})(?!\d)", re.IGNORECASE)
_SPECIFIC = re.compile(r"(?=.*\d{4})(?=.*[A-Za-z]).{10,}", re.DOTALL)
_DOI = re.compile(r"10\.\d{4,9}/\S+")


def pmcid_in(name: str) -> str:
    """The PMCID in a file name such as "PMC1064097_F1.jpg"; "" for none."""
    found = _PMCID.search(name.replace("_", " "))
    return f"PMC{int(found[1])}" if found else ""


def article_keys(pmcid: str, doi: str) -> tuple[str, ...]:
    """Keys of an article."""
    keys = [f"pmcid:{number}"] if (number := pmcid_in(pmcid)) else []
    if found := _DOI.search(doi.lower()):
        keys.append(f"doi:{found[0]}")
    return tuple(keys)


def figure_keys(pmcid: str, label: str, name: str) -> tuple[str, ...]:
    """Keys of a figure: its number in its article, from its label or else its file name, and its file name.

    A file name counts where it is specific enough to be one figure's alone: "pone.0000133.g001", but not "image1".
    """
    keys = []
    stem = PurePosixPath(name.replace("\\", "/")).stem.lower()
    number = _LABEL.search(label) or _IN_NAME.search(stem)
    if (article := pmcid_in(pmcid)) and number:
        keys.append(f"figure:{article}/{int(number[1])}")
    if _SPECIFIC.fullmatch(stem):
        keys.append(f"file:{stem}")
    return tuple(keys)


def measure_of(key: str) -> str:
    """What it means that two things have this key in common."""
    return MEASURES[key.partition(":")[0]]


def archive_of(key: str) -> str | None:
    """The collection in which a key names an image, for "file:<collection>/<name>"; None for other keys."""
    kind, _, name = key.partition(":")
    collection, slash, _ = name.partition("/")
    return collection if kind == "file" and slash else None

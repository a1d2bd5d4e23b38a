"""What the tests of the lexical engine share: asking it, the miniature corpus, a sound item, made captions."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import lexical
from medvlsynther.engines._lexical_terms import lexicon, tags
from medvlsynther.engines.base import Endpoint, Reply, Request
from medvlsynther.records import Term
from tests.conftest import ROOT

ENGINE = lexical.connect(Model.load("lexical"), Endpoint(), lambda _: b"")
TITLES = (
    "Stem Self-contained",
    "Vocabulary Constraint",
    "Diagnosis Leak",
    "Single Correct Option",
    "Option Type Consistency",
    "Clinical Validity",
    "Image–Text Consistency",
    "Plausible Distractors",
    "Parallel Options",
    "Stem Concision",
    "Clarity and Focus",
    "Answer Field Validity",
    "JSON Schema Compliance",
    "Forbidden Terms",
    "Synonym Drift",
    "Multiple Keys",
    "Medical Inaccuracy",
)
CRITERIA = [
    {"id": f"c{n}", "title": title, "category": "bonus", "weight": 1, "text": ""} for n, title in enumerate(TITLES)
]

FINDINGS = [term for term in lexicon("findings").terms if tags(term, "modality") & {"x-ray", "ct", "mri", "ultrasound"}]
NOUNS = {"x-ray": "radiograph", "ct": "CT image", "mri": "MR image", "ultrasound": "sonogram"}


def ask(task: str, slots: Mapping[str, Any], *, name: str = "x/f1", sample: int = 0) -> str:
    prompt = Prompt(description="", task=task, system="", request="")
    reply: Reply = asyncio.run(ENGINE.generate(Request(name, prompt, slots, sample=sample), Sampling()))
    return reply.text


def write(caption: str, mentions: tuple[str, ...] = (), *, figure_id: str = "x/f1", images: int = 1) -> dict[str, Any]:
    slots = {
        "caption": caption,
        "mentions": list(mentions),
        "figure_id": figure_id,
        "letters": list("ABCDE"),
        "images": images,
    }
    item: dict[str, Any] = json.loads(ask("write", slots))
    return item


def failed(item: Mapping[str, Any], caption: str, mentions: tuple[str, ...] = ()) -> set[str]:
    slots = dict(item) | {"caption": caption, "mentions": list(mentions), "criteria": CRITERIA}
    marks = json.loads(ask("judge", slots))
    assert list(marks) == [criterion["id"] for criterion in CRITERIA]
    assert all(mark["note"] and len(mark["note"]) < 120 for mark in marks.values())
    return {title for title, mark in zip(TITLES, marks.values()) if not mark["pass"]}


def corpus() -> list[tuple[str, str, tuple[str, ...], int]]:
    """Figure id, caption, mentions and images of the clinical figures of the miniature corpus."""
    found = []
    articles = yaml.safe_load((ROOT / "tools" / "miniature" / "articles.yaml").read_text(encoding="utf-8"))
    for number, article in enumerate(articles, 1):
        for place, figure in enumerate(article["figures"], 1):
            if not figure.get("images", ["montage"])[0].startswith("chart"):
                mentions = tuple(
                    re.sub(r"\[f\d+\|([^]]+)\]", r"\1", text) for text in article["text"] if f"[f{place}|" in text
                )
                found.append(
                    (f"SYN{number:04d}.1/f{place}", figure["caption"], mentions, len(figure.get("images", "1")))
                )
    return found


CORPUS = corpus()


def written() -> Iterator[tuple[dict[str, Any], str, tuple[str, ...]]]:
    """The items of the miniature corpus with caption and mentions."""
    for figure_id, caption, mentions, images in CORPUS:
        item = write(caption, mentions, figure_id=figure_id, images=images)
        if "error" not in item:
            yield item, caption, mentions


def _caption(finding: Term, last: bool, subject: str, extra: str) -> str:
    kinds = sorted(tags(finding, "modality") & set(NOUNS))
    return f"{NOUNS[kinds[-1 if last else 0]].capitalize()}. {subject} {finding.name} is shown{extra}."


CAPTIONS = st.builds(
    _caption,
    st.sampled_from(FINDINGS),
    st.booleans(),
    st.sampled_from(["A", "Large", "Bilateral", "The"]),
    st.sampled_from(["", " without pneumothorax", " in a 40-year-old woman", "; no meningioma"]),
)

CAPTION = (
    "Axial CT image of the head. A subdural hematoma lies over the right hemisphere. No epidural hematoma is seen."
)
SOUND: dict[str, Any] = {
    "question": "Which finding is demonstrated in this CT image?",
    "options": {
        "A": "Hydrocephalus", "B": "Subdural hematoma", "C": "Meningioma", "D": "Arachnoid cyst", "E": "Brain abscess",
    },
    "answer": "B",
}  # fmt: skip

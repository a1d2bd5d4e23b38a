"""A small store with figures, items, verdicts and labels, for the tests of everything that leaves the house."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from medvlsynther import catalog
from medvlsynther.fingerprint import draw
from medvlsynther.pipeline.plan import signature, table_name
from medvlsynther.records import (
    ArticleRef,
    Figure,
    ImageRef,
    Item,
    Label,
    Licence,
    LintNote,
    Mark,
    Origin,
    Record,
    Reject,
    Verdict,
)
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table, TableWriter

R = TypeVar("R", bound=Record)

WRITER = Origin(prompt="exam", prompt_hash="a" * 64, model="writer-9b", model_hash="b" * 64)
JUDGE = Origin(prompt="referee-critic", prompt_hash="c" * 64, model="judge-72b", model_hash="d" * 64)


def picture(seed: int, width_px: int = 48, height_px: int = 40) -> bytes:
    """A PNG of 8-bit colour noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """An image as a file."""
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()


def article(number: int) -> ArticleRef:
    """An article with a licence."""
    code = ("CC-BY-4.0", "CC0-1.0")[number % 2]
    return ArticleRef(
        article_id=f"PMC{1000 + number}.1",
        pmcid=f"PMC{1000 + number}",
        version=1,
        doi=f"10.1000/xyz.{number}",
        title=f"On the {number}th case",
        journal="Journal of Cases",
        year=2020,
        licence=Licence(
            code=code,
            standing="allowed",
            uri=f"https://creativecommons.org/licenses/{number % 2}",
            attribution=f"A. Author {number}, Journal of Cases, {code}",
        ),
    )


def item(figure: Figure, number: int = 0, **changes: Any) -> Item:
    """A question about a figure; the key's place depends on the figure."""
    options = tuple(f"{word} of {figure.figure_id}" for word in ("mass", "cyst", "fracture", "effusion", "stone"))
    plain: dict[str, Any] = {
        "item_id": f"{figure.figure_id}#{number}",
        "figure_id": figure.figure_id,
        "question": f"Which finding does {figure.figure_id} show?",
        "options": options,
        "answer": "ABCDE"[draw(1, figure.figure_id) % 5],
        "notes": (LintNote(rule="CUE1", severity="warn", detail="longest key"),),
        "origin": WRITER,
    }
    return Item(**{**plain, **changes})


def verdict(item_id: str) -> Verdict:
    """A verdict with one missed bonus."""
    marks = (
        Mark(criterion="stem_self_contained", passed=True, score=5, weight=5, by="model"),
        Mark(criterion="json_schema", passed=True, score=3, weight=3, by="code"),
        Mark(criterion="stem_concision", passed=False, score=0, weight=1, by="model", note="long"),
    )
    return Verdict(
        item_id=item_id, marks=marks, passed=True, score=0.98, rubric="medsynvqa", rubric_hash="e" * 64, origin=JUDGE
    )


def label(item_id: str) -> Label:
    """A label."""
    return Label(item_id=item_id, question_type="finding", modality="ct", anatomy="lung", by="lexicon")


@dataclass
class Material:
    """Tables and images under one folder, and a way to run a stage on them."""

    root: Path
    figures: list[Figure] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    verdicts: list[Verdict] | None = None
    labels: list[Label] | None = None
    rejects: list[Reject] = field(default_factory=list)

    @property
    def store(self) -> Store:
        store = Store(self.root / "store")
        store.prepare()
        return store

    def figure(self, number: int, images: Sequence[bytes], **changes: Any) -> Figure:
        """A figure of article `number`, its images in the store."""
        source = article(number)
        refs = tuple(self.image(data, f"fig{number}_{place}.png") for place, data in enumerate(images))
        plain: dict[str, Any] = {
            "figure_id": f"{source.article_id}/F{len(self.figures)}",
            "article": source,
            "label": "Fig. 1",
            "caption": "Axial CT of the chest.",
            "mentions": ("The mass is shown in Fig. 1.",),
            "images": refs,
            "category": "ct",
        }
        figure = Figure(**{**plain, **changes})
        self.figures.append(figure)
        return figure

    def image(self, data: bytes, name: str = "a.png") -> ImageRef:
        """A stored image."""
        digest = ImageStore(self.store.images).put(data)
        return ImageRef(name=name, sha256=digest, source_sha256="f" * 64, phash="0123456789abcdef")

    def fill(self, articles: int = 6, images: Sequence[int] = (1, 2)) -> "Material":
        """Articles with one figure each, two items a figure, all judged and labelled."""
        for number in range(articles):
            count = images[number % len(images)]
            figure = self.figure(number, [picture(10 * number + place) for place in range(count)])
            self.items += [item(figure, 0), item(figure, 1, question=f"What lies behind {number}?")]
        self.verdicts = [verdict(i.item_id) for i in self.items]
        self.labels = [label(i.item_id) for i in self.items]
        return self

    def table(self, record: type[R], rows: Iterable[R], step: str = "") -> Table[R]:
        """Rows as a table on disk."""
        path = self.root / f"{step}{table_name(record)}"
        with TableWriter(record, path) as writer:
            for row in rows:
                writer.add(row)
        return Table(record, path)

    def tables(self) -> dict[str, Table[Any] | None]:
        """The four tables that exporters read."""
        return {
            "items": self.table(Item, self.items),
            "figures": self.table(Figure, self.figures),
            "verdicts": self.table(Verdict, self.verdicts) if self.verdicts is not None else None,
            "labels": self.table(Label, self.labels) if self.labels is not None else None,
        }

    def run(self, stage: str, folder: str = "step", **settings: Any) -> list[Any]:
        """The rows of a stage run on the tables; what it writes lies under `folder`, its rejects in `rejects`."""
        place = self.root / folder
        place.mkdir()
        tables: dict[str, Table[Any] | None] = dict.fromkeys(signature(stage).tables)
        tables |= self.tables()
        rows: Iterator[Any] = catalog.module("stages", stage).run(self.desk(place), **{**tables, **settings})
        return list(rows)

    def desk(self, folder: Path) -> "Desk":
        """What an exporter gets."""
        return Desk(self.store, folder, ImageStore(self.store.images), self.rejects)


@dataclass
class Desk:
    """As much of a stage's context as exporters use."""

    store: Store
    folder: Path
    images: ImageStore
    rejects: list[Reject]

    def reject(self, id: str, reason: str, detail: str = "") -> None:  # noqa: A002
        """Keep a reject."""
        self.rejects.append(Reject(id=id, reason=reason, detail=detail))

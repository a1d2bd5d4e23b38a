"""The rows of a data set: each item with its figure, verdict, label and images, or a reject with its reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from medvlsynther.errors import BadSetting, InputError, MissingInput
from medvlsynther.export.guards import check_image, check_item
from medvlsynther.fingerprint import draw
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.rules.trials import pass_rate
from medvlsynther.store.scratch import Scratch
from medvlsynther.store.table import Table, along

TRAIN, VALIDATION = "train", "validation"

Reader = Callable[[str], bytes]
"""Gives the stored bytes of an image by its SHA-256."""

R = TypeVar("R", Verdict, Label)
T = TypeVar("T")

Refuse = Callable[[str, str, str], None]
"""Counts an input that ends here: id, reason, detail."""


@dataclass(frozen=True)
class Tables:
    """What an exporter reads, all in the same relative order."""

    items: Table[Item]
    figures: Table[Figure]
    verdicts: Table[Verdict] | None = None
    labels: Table[Label] | None = None


@dataclass(frozen=True)
class Row:
    """One item with all that is known about it, and the bytes of its images."""

    index: int
    """Position in the data set, both splits counted together, from 0."""
    split: str
    """"train" or "validation"."""
    item: Item
    figure: Figure
    verdict: Verdict | None
    label: Label | None
    images: tuple[bytes, ...]
    """Encoded images, in the figure's order."""

    def question(self, dataset: str) -> Question:
        """The row as the tables of evaluation and training know it."""
        item = self.item
        return Question(
            question_id=item.item_id,
            dataset=dataset,
            index=self.index,
            question=item.question,
            options=item.options,
            answer=item.answer,
            images=self.figure.images,
            split=self.split,
        )


def served(
    tables: Tables,
    read: Reader,
    refuse: Refuse,
    make: Callable[[Row], T],
    *,
    split: float,
    seed: int,
    scratch: Scratch,
    easy_first: bool = False,
) -> Iterator[tuple[Row, T]]:
    """Every item that can be served with what `make` turns it into, in order; the others are refused with a reason.

    `make` refuses a row by raising InputError. `split` is the share of validation, drawn by article, so that no
    article stands on both sides. With `easy_first` items come by their pass rate, the highest first and untried ones
    last, equal ones in order; the tables are read once a rate, so that none of them is held. `scratch` takes ids.

    Raises: BadSetting for a share outside 0..1; MissingInput where the tables do not fit together.
    """
    if not 0.0 <= split < 1.0:
        raise BadSetting(f"split is {split}", mend="Give the share of validation, from 0 to below 1")
    index = 0
    for item, figure, verdict, label in _joined(tables, scratch, easy_first):
        try:
            check_item(item, figure)
            images = tuple(_image_bytes(figure, read))
            row = Row(index, side(figure, split, seed), item, figure, verdict, label, images)
            made = make(row)
        except InputError as error:
            refuse(item.item_id, error.reason, error.detail)
            continue
        yield row, made
        index += 1


def _joined(
    tables: Tables, scratch: Scratch, easy_first: bool
) -> Iterator[tuple[Item, Figure, Verdict | None, Label | None]]:
    judged, labelled = _Told(tables.verdicts, scratch), _Told(tables.labels, scratch)
    for items in _by_ease(tables.items) if easy_first else (tables.items,):
        judged.rewind()
        labelled.rewind()
        for item, figure in along(items, tables.figures, "figure_id"):
            yield item, figure, judged.about(item), labelled.about(item)


def _by_ease(items: Table[Item]) -> Iterator[Iterable[Item]]:
    """The items of each pass rate, in order, so that every table can go along with each of them."""
    rates = {pass_rate(item.trials) for item in items}
    for rate in sorted(rates, key=lambda rate: -1.0 if rate is None else rate, reverse=True):
        yield (item for item in items if pass_rate(item.trials) == rate)


class _Told(Generic[R]):
    """What a table tells about items that come in its order; an imported item may not have been judged.

    The ids of the table are kept on disk.
    """

    def __init__(self, table: Table[R] | None, scratch: Scratch) -> None:
        self._known = scratch.keys()
        self._table: Iterable[R] = () if table is None else table
        self._rest: Iterator[R] = iter(())
        for (item_id,) in () if table is None else table.columns("item_id"):
            self._known.add(item_id)

    def rewind(self) -> None:
        """Go to the table's beginning."""
        self._rest = iter(self._table)

    def about(self, item: Item) -> R | None:
        """The row about this item; None where the table is silent.

        Raises: MissingInput where the table has another order than the items.
        """
        if item.item_id not in self._known:
            return None
        for row in self._rest:
            if row.item_id == item.item_id:
                return row
        raise MissingInput(f"{item.item_id!r} stands at another place", mend="Tables must keep their order")


def _image_bytes(figure: Figure, read: Reader) -> Iterator[bytes]:
    for image in figure.images:
        if image.sha256 is None:
            raise InputError("image_not_prepared", image.name)
        data = read(image.sha256)
        check_image(image, data)
        yield data


def side(figure: Figure, split: float, seed: int) -> str:
    """The split that an article's items go to."""
    share = draw(seed, "split", figure.article.article_id) / 2**64
    return VALIDATION if share < split else TRAIN

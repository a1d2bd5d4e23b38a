"""Sets made ready to be compared: every item with the prints of all its images, taken once and kept in the store."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

import orjson
import pyarrow as pa
from pydantic import ConfigDict, model_validator

from medvlsynther.audit.prints import printed
from medvlsynther.audit.sets import Exhibit, Print, Role
from medvlsynther.cards import Benchmark
from medvlsynther.errors import BadSetting, InputError, MissingInput
from medvlsynther.fingerprint import fingerprint
from medvlsynther.questions.entry import Entry
from medvlsynther.questions.images import Images
from medvlsynther.questions.reading import Folder, Source, local, read_entries
from medvlsynther.records import Figure, ImageRef, Item, Record, Reject
from medvlsynther.rules.overlap.identity import article_keys, figure_keys
from medvlsynther.rules.overlap.shingles import sketch
from medvlsynther.rules.overlap.text import View, views
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store, write_aside
from medvlsynther.store.table import Table, TableWriter

VERSION = 1
"""Of the prints: another one makes the kept ones void."""

MANIFEST = ".manifest.parquet"
"""How the file name of a set's prints ends."""

SHARD = 32
"""Items whose images are looked at together, and kept together."""

_MARK_LENGTH = 16


class Compared(Record):
    """A set to compare, as a recipe names it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    corpus: Corpus
    """Its files; written `path: <folder, parquet file or hub:repo>`."""
    only: str = ""
    """The one file that is read, where `path` is a file."""
    benchmark: Benchmark | None = None
    """Card of the set; None for one that has the columns of our own exports."""
    split: str = "test"
    """Split that is read."""
    name: str = ""
    """What it is called in the report; "" takes the card's or the folder's name, and the split."""
    role: Literal["train", "validation", "test", ""] = ""
    """Which side it is on; "" takes it from where it is named, or from the split."""
    language: str = ""
    """Only questions in this language; "" for all."""
    evaluated: bool = False
    """Only the rows that the card counts as evaluated, instead of all rows of the split."""
    within: bool = False
    """Compare the set with itself too."""

    @model_validator(mode="before")
    @classmethod
    def _at(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "path" not in value:
            return value
        rest = {key: part for key, part in value.items() if key != "path"}
        path = local(str(value["path"]))
        if path.is_file():
            return {**rest, "corpus": Corpus.at(path.parent), "only": path.name}
        return {**rest, "corpus": Corpus.at(path)}

    @classmethod
    def of(cls, folder: Folder, benchmark: Benchmark) -> Self:
        """The evaluated split of a benchmark in a folder of sets, all its rows."""
        return cls(corpus=folder.of(benchmark), benchmark=benchmark, split=benchmark.split)

    @property
    def title(self) -> str:
        """Its name, or what stands in for one."""
        if self.name:
            return self.name
        known = self.benchmark.name if self.benchmark else (Path(self.only).stem or self.corpus.path.name)
        return known if self.split == "test" else f"{known}:{self.split}"


def titles(compared: Iterable[Compared], own: str | None) -> None:
    """Check that every set has a name of its own.

    Raises: BadSetting.
    """
    seen = {own} if own else set()
    for one in compared:
        if one.title in seen:
            raise BadSetting(f"Two sets are called {one.title!r}", mend="Give one of them another `name`")
        seen.add(one.title)


# ------------------------------------------------------------------------------------------------------- reading


def read_set(compared: Compared, role: Role) -> Iterator[Exhibit | Reject]:
    """The items of a set, their images named but not looked at yet."""
    manifests = sorted(compared.corpus.path.glob(compared.only or f"*{MANIFEST}"))
    if manifests and manifests[0].name.endswith(MANIFEST):
        yield from _of_manifest(manifests[0], compared, role)
        return
    source = Source(
        compared.title, compared.corpus, compared.split, compared.benchmark, compared.evaluated, compared.only
    )
    for entry in read_entries(source):
        if isinstance(entry, Reject):
            yield entry
        elif compared.language in ("", entry.language):
            yield _exhibit(entry, compared, role)


def _exhibit(entry: Entry, compared: Compared, role: Role) -> Exhibit:
    images = (
        Print(
            name=image.name,
            corpus=image.corpus,
            member=image.member,
            keys=tuple(key for key in keys if not key.startswith("sha256:")),
            digests=tuple(key.removeprefix("sha256:") for key in keys if key.startswith("sha256:")),
        )
        for image, keys in zip(entry.images, entry.image_keys)
    )
    return Exhibit(
        set_name=compared.title,
        role=role,
        within=compared.within,
        item_id=entry.id,
        language=entry.language,
        stem=entry.question,
        options=entry.options,
        key=entry.answer,
        keys=entry.keys,
        images=tuple(images),
        faults=entry.faults,
    )


def _of_manifest(path: Path, compared: Compared, role: Role) -> Iterator[Exhibit]:
    changes = {"set_name": compared.title, "role": role, "within": compared.within}
    try:
        for exhibit in Table(Exhibit, path):
            if compared.language in ("", exhibit.language):
                yield exhibit.model_copy(update=changes)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MissingInput(f"Not a manifest of prints: {error}"[:300], where=str(path), mend="Write it anew") from None


def own_items(pairs: Iterable[tuple[Item, Figure]], name: str, within: bool) -> Iterator[Exhibit]:
    """The items of this recipe, with the hashes that the `images` stage took."""
    for item, figure in pairs:
        article = figure.article
        yield Exhibit(
            set_name=name,
            role="train",
            within=within,
            item_id=item.item_id,
            stem=item.question,
            options=item.options,
            key=item.key,
            keys=(*article_keys(article.pmcid or "", article.doi or ""), f"item:{item.item_id}"),
            images=tuple(_own_print(image, figure) for image in figure.images),
        )


def _own_print(image: ImageRef, figure: Figure) -> Print:
    digests = tuple(filter(None, (image.sha256, image.source_sha256)))
    hashes = {"parts": "w", "boxes": "00000000ffffffff", "phashes": image.phash or "", "dhashes": image.dhash or ""}
    return Print(
        name=image.name,
        keys=figure_keys(figure.article.pmcid or "", figure.label, image.name),
        digests=digests,
        small=image.sha256 or "",
        fault=None if image.sha256 else "image_not_prepared",
        **(hashes if image.phash else {}),
    )


# ------------------------------------------------------------------------------------------------------ printing


def in_shards(exhibits: Iterable[Exhibit]) -> Iterator[list[Exhibit]]:
    """Items in groups."""
    remaining = iter(exhibits)
    while shard := list(islice(remaining, SHARD)):
        yield shard


def with_prints(store_root: Path, corpus: Path, shard: list[Exhibit]) -> list[Exhibit]:
    """The items with the prints of their images; kept ones are not taken again. `corpus` is where their files are."""
    wanted = {print_: None for exhibit in shard for print_ in exhibit.images if _is_open(print_)}
    if not wanted:
        return shard
    blanks = list(wanted)
    kept = store_root / "prints" / f"{fingerprint({'version': VERSION, 'prints': blanks})}.json"
    try:
        prints = [Print.model_validate(one) for one in orjson.loads(kept.read_bytes())]
    except FileNotFoundError:
        prints = _taken(Store(store_root), corpus, blanks)
        write_aside(kept, orjson.dumps([one.model_dump() for one in prints]))
    known = dict(zip(blanks, prints))
    return [
        exhibit.model_copy(update={"images": tuple(known.get(one, one) for one in exhibit.images)}) for exhibit in shard
    ]


def _is_open(print_: Print) -> bool:
    """True for an image that can be opened and was not looked at yet."""
    return not print_.turned and print_.fault is None and bool(print_.member or (print_.small and not print_.corpus))


def _taken(store: Store, corpus: Path, blanks: list[Print]) -> list[Print]:
    images, own = Images(corpus), ImageStore(store.images)
    prints = []
    for blank in blanks:
        try:
            data = images.read(blank.member) if blank.member else own.read(blank.small)
        except InputError as error:
            prints.append(blank.model_copy(update={"fault": error.reason}))
        else:
            prints.append(printed(blank, data, lambda picture: own.put(picture, ".jpg")))
    return prints


# ------------------------------------------------------------------------------------------------------ manifests


def manifest_writer(folder: Path, set_name: str) -> TableWriter[Exhibit]:
    """A file of prints from which others can audit against a set without having it: hashes, no text and no image."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(char if char.isalnum() or char in "-_." else "_" for char in set_name)
    return TableWriter(Exhibit, folder / f"{name}{MANIFEST}")


def blinded(exhibit: Exhibit) -> Exhibit:
    """An item without its text, and without the pictures of its images."""
    found = list(views(exhibit.stem, exhibit.options, exhibit.key))
    whole = next((view.text for view in found if view.name == "item"), "")
    return exhibit.model_copy(
        update={
            "stem": "",
            "options": (),
            "key": "",
            "marks": exhibit.marks or tuple(map(mark, found)),
            "sketch": exhibit.sketch or (sketch(whole).tobytes().hex() if whole else ""),
            "images": tuple(
                image.model_copy(update={"small": "", "member": "", "corpus": ""}) for image in exhibit.images
            ),
        }
    )


def mark(view: View) -> str:
    """What stands for a view of a text where the text may not be handed on."""
    return f"{view.name}={fingerprint(view.text)[:_MARK_LENGTH]}"

"""Reads the sets that are compared, takes the prints of all images, and writes hash manifests of them."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from medvlsynther.audit.gather import (
    Compared,
    blinded,
    in_shards,
    manifest_writer,
    own_items,
    read_set,
    titles,
    with_prints,
)
from medvlsynther.audit.sets import Exhibit, Role
from medvlsynther.cards import Benchmark
from medvlsynther.context import Context
from medvlsynther.errors import BadSetting
from medvlsynther.questions.reading import Folder
from medvlsynther.records import Figure, Item, Reject
from medvlsynther.store.table import Table, along

VERSION = 1
RECORD_WISE = False


def run(
    ctx: Context,
    items: Table[Item] | None,
    figures: Table[Figure] | None,
    *,
    path: Folder | None = None,
    benchmarks: tuple[Benchmark, ...] = (),
    against: tuple[Compared, ...] = (),
    train: tuple[Compared, ...] = (),
    name: str = "train",
    within: bool = False,
    decode_own: bool = True,
) -> Iterator[Exhibit]:
    """Every item of every set, with prints; rows that cannot be read are rejected under the set's name.

    The recipe's own items are the train set, called `name`, unless `train` names others. `within` compares them with
    themselves too. They are compared with the `benchmarks` that lie at `path`, and with the sets in `against`. With
    `decode_own: false` their images cost no decoding: then only the hashes of the whole images are compared, and the
    report says so. A manifest a set lies in `manifests/` of the step.

    Raises: BadSetting where there is nothing to compare or two sets have one name.
    """
    if benchmarks and path is None:
        raise BadSetting("benchmarks are named, but not where they lie", mend="Set audit.read.path")
    tests = (*(Compared.of(path, benchmark) for benchmark in benchmarks if path is not None), *against)
    own = name if not train and items is not None else None
    if own is None and not train:
        raise BadSetting("There is no train set", mend="Put it after a stage that writes items, or name `train`")
    titles((*train, *tests), own)
    if own is not None and items is not None and figures is not None:
        exhibits = own_items(along(items, figures, "figure_id"), name, within)
        yield from _written(ctx, name, _printed(ctx, exhibits, ctx.store.root) if decode_own else exhibits)
    for role, chosen in (("train", train), ("test", tests)):
        for compared in chosen:
            yield from _written(ctx, compared.title, _printed(ctx, _read(ctx, compared, role), compared.corpus.path))


def _read(ctx: Context, compared: Compared, side: str) -> Iterator[Exhibit]:
    ctx.store.remember_corpus(compared.corpus.digest, compared.corpus.path)
    for found in read_set(compared, _role(compared, side)):
        if isinstance(found, Reject):
            ctx.reject(found.id, found.reason, found.detail)
        else:
            yield found


def _role(compared: Compared, side: str) -> Role:
    if compared.role:
        return compared.role
    if side == "train":
        return "train"
    return "validation" if compared.split == "validation" else "test"


def _printed(ctx: Context, exhibits: Iterable[Exhibit], corpus: Path) -> Iterator[Exhibit]:
    return ctx.map(partial(with_prints, ctx.store.root, corpus), in_shards(exhibits))


def _written(ctx: Context, name: str, exhibits: Iterable[Exhibit]) -> Iterator[Exhibit]:
    """The items, a manifest of which is written as they pass."""
    with manifest_writer(ctx.folder / "manifests", name) as writer:
        for exhibit in exhibits:
            writer.add(blinded(exhibit))
            yield exhibit

"""Plants copies of the audited items and counts what the layers find: the power behind "none found"."""

import shutil
from collections.abc import Iterator

from medvlsynther.audit.calibration import BUNDLED, Bench, Case, Power, chosen, power, text_counts
from medvlsynther.audit.index import Index
from medvlsynther.audit.plant import IMAGE_CHANGES
from medvlsynther.audit.search import Limits
from medvlsynther.audit.sets import Exhibit, Print
from medvlsynther.audit.texts import Known, Rules, known
from medvlsynther.context import Context
from medvlsynther.fingerprint import draw
from medvlsynther.store.table import Table

VERSION = 2
RECORD_WISE = False

LIMITS, RULES = Limits(), Rules()

SHARD = 10
"""Images that are changed together; panels of a compound figure come from the same shard."""


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    *,
    images: int = 100,
    texts: int = 200,
    seed: int = 42,
    limits: Limits = LIMITS,
    rules: Rules = RULES,
) -> Iterator[Power]:
    """How many planted copies of `images` images and `texts` texts of each train set are found, kind by kind.

    Give it the limits and rules of the layers. A set without images or texts that can be opened has no rows here, and
    the report then says that its power is not known.
    """
    names = dict.fromkeys(exhibit.set_name for exhibit in exhibits if exhibit.role == "train")
    for name in names:
        yield from _of_images(ctx, name, exhibits, images, seed, limits)
        yield from _of_texts(name, exhibits, texts, seed, rules)


def _of_images(
    ctx: Context, name: str, exhibits: Table[Exhibit], count: int, seed: int, limits: Limits
) -> Iterator[Power]:
    prints: dict[str, Print] = {}
    for exhibit in exhibits:
        if exhibit.set_name == name:
            for image in exhibit.images:
                if image.unit:
                    prints.setdefault(image.unit, image)
    sample = chosen(list(prints.values()), count, seed)
    if not sample:
        return
    folder = ctx.folder / "index"
    Index.write(folder, prints.values())
    bench = Bench(ctx.store.root, folder, limits, seed)
    groups = [tuple(sample[start : start + SHARD]) for start in range(0, len(sample), SHARD)]
    cases = [Case(change, group) for change in IMAGE_CHANGES for group in groups]
    counts = list(ctx.map(bench.planted, cases))
    counts += ctx.map(bench.unrelated, groups)
    drawn = sorted(path for path in BUNDLED.rglob("*") if path.suffix in (".png", ".jpg"))
    counts += ctx.map(bench.bundled, [drawn[start : start + SHARD] for start in range(0, len(drawn), SHARD)])
    shutil.rmtree(folder)
    yield from power(name, "images", counts)


def _of_texts(name: str, exhibits: Table[Exhibit], count: int, seed: int, rules: Rules) -> Iterator[Power]:
    base: list[Known] = []
    sample: list[tuple[int, Exhibit]] = []
    for exhibit in exhibits:
        if exhibit.set_name == name:
            base.append(known(exhibit))
            if exhibit.stem:
                sample.append((draw(seed, "calibrate", exhibit.item_id), exhibit))
                if len(sample) > 2 * count:
                    sample = sorted(sample, key=_rank)[:count]
    if sample:
        picked = [exhibit for _, exhibit in sorted(sample, key=_rank)[:count]]
        yield from power(name, "text", text_counts(picked, base, rules, seed))


def _rank(drawn: tuple[int, Exhibit]) -> tuple[int, str]:
    return drawn[0], drawn[1].item_id

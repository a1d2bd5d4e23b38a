"""Writes what the audit found, what it could have found and what it did not look at, for people and for machines."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from medvlsynther.audit.calibration import Power
from medvlsynther.audit.clean import clean_scores
from medvlsynther.audit.findings import ALL, Line, Unchecked, counted, known_items, told_power
from medvlsynther.audit.sets import Exhibit, comparisons, sides
from medvlsynther.audit.sheets import (
    PAIR_HEADER,
    SHEET_HEADER,
    Pair,
    Sheet,
    adjudicated,
    page,
    pair_rows,
    removal_rows,
    sheet_rows,
    worst,
    write_csv,
)
from medvlsynther.context import Context
from medvlsynther.errors import InputError
from medvlsynther.records import Graded, Overlap
from medvlsynther.rules.overlap.classes import FLAGGED, Kind
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

LAYERS = ("audit.identity", "audit.images", "audit.text", "audit.joint", "audit.copies", "audit.rephrase")
"""Stages that look; those that did not run are named in the report."""


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    overlaps: Table[Overlap],
    powers: Table[Power] | None,
    grades: Table[Graded] | None,
    *,
    top: int = 20,
    classes: tuple[Kind, ...] = FLAGGED,
    adjudication: Sheet | None = None,
    seed: int = 42,
) -> Iterator[Overlap]:
    """The pairs as they came; beside them report.html, report.json, pairs.csv, adjudication.csv and removal.csv.

    `top` pairs a class and comparison are shown; `classes` are those that speak against an item. Where answers were
    graded, scores on the rest of the benchmark stand beside the whole. A filled adjudication sheet gives the raters'
    agreement.
    """
    items, unchecked = known_items(exhibits)
    lines = counted(overlaps, items, _compared(exhibits))
    steps = list(_lineage(ctx.store, overlaps.path.parent.name))
    flagged = {one.test_id for one in overlaps if one.kind in classes}
    facts: dict[str, Any] = {
        "comparisons": _comparisons(lines, list(powers or ()), classes),
        "powers": list(powers or ()),
        "unchecked": unchecked + list(_said(steps)),
        "missing_layers": [layer for layer in LAYERS if layer not in {step["stage"] for step in steps}],
        "scores": list(clean_scores(grades or (), flagged, seed)),
        "adjudication": adjudicated(adjudication) if adjudication else None,
        "steps": [{name: step[name] for name in ("id", "stage", "version", "settings")} for step in steps],
    }
    pairs = list(_pairs(exhibits, overlaps, top))
    pictures = dict(_pictures(ctx, pairs))
    (ctx.folder / "report.json").write_bytes(orjson.dumps(facts, default=_plain, option=orjson.OPT_INDENT_2))
    html = page({**facts, "percent": _percent}, pairs, pictures)
    (ctx.folder / "report.html").write_text(html, encoding="utf-8")
    write_csv(ctx.folder / "pairs.csv", PAIR_HEADER, pair_rows(overlaps))
    write_csv(ctx.folder / "adjudication.csv", SHEET_HEADER, sheet_rows(pairs))
    header = ("train_set", "train_id", "class", "test_set", "test_id", "evidence")
    write_csv(ctx.folder / "removal.csv", header, removal_rows(overlaps, classes))
    yield from overlaps


def _compared(exhibits: Iterable[Exhibit]) -> list[tuple[str, str]]:
    return [(pair.left.name, pair.right.name) for pair in comparisons(sides(exhibits, lambda _: None))]


def _comparisons(lines: list[Line], powers: list[Power], classes: tuple[Kind, ...]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.train_set, line.test_set), []).append(line)
    return [
        {
            "train_set": train_set,
            "test_set": test_set,
            "sentence": _sentence(own, told_power(powers, train_set), classes),
            "lines": own,
        }
        for (train_set, test_set), own in groups.items()
    ]


def _sentence(lines: list[Line], power: str, classes: tuple[Kind, ...]) -> str:
    """What was found in one sentence; with "none found", what would have been."""
    flagged = [f"class {kind}" for kind in classes]
    found = [line for line in lines if line.language == ALL and line.what in flagged and line.test_items.found]
    if found:
        return (
            "Found: " + "; ".join(f"{line.test_items.found} test items, {line.what}" for line in found) + f". {power}"
        )
    return f"None found that speaks against an item. {power}"


def _lineage(store: Store, step_id: str) -> Iterator[dict[str, Any]]:
    """The manifests of a step and of all audit steps before it, the first one first."""
    manifest = store.manifest(step_id)
    if manifest is None:
        return
    seen: set[str] = set()
    for earlier in manifest["inputs"].values():
        if earlier and earlier.startswith("audit."):
            for step in _lineage(store, earlier):
                if step["id"] not in seen:
                    seen.add(step["id"])
                    yield step
    yield manifest


def _said(steps: Iterable[Mapping[str, Any]]) -> Iterator[Unchecked]:
    """What steps themselves counted as not checked; images that could not be opened stand under their sets already."""
    for step in steps:
        if step["stage"] != "audit.images":
            for reason, count in step["rejects"].items():
                yield Unchecked(set_name=step["stage"], reason=reason, count=count)


def _pairs(exhibits: Iterable[Exhibit], overlaps: Iterable[Overlap], top: int) -> Iterator[Pair]:
    chosen = worst(overlaps, top)
    places = {(one.train_set, one.train_id, one.test_set, one.test_id) for one in chosen}
    images: dict[tuple[str, str, str, str], tuple[int | None, int | None]] = {}
    for one in overlaps:
        place = (one.train_set, one.train_id, one.test_set, one.test_id)
        if place in places and one.test_image is not None:
            images.setdefault(place, (one.train_image, one.test_image))
    wanted = {end for place in places for end in (place[:2], place[2:])}
    shown = {(e.set_name, e.item_id): e for e in exhibits if (e.set_name, e.item_id) in wanted}
    for number, one in enumerate(chosen, start=1):
        place = (one.train_set, one.train_id, one.test_set, one.test_id)
        yield Pair(number, one, shown[place[:2]], shown[place[2:]], *images.get(place, (None, None)))


def _pictures(ctx: Context, pairs: Iterable[Pair]) -> Iterator[tuple[str, bytes]]:
    for small in {image.small for pair in pairs for side in (pair.train, pair.test) for image in side.images}:
        try:
            yield small, ctx.images.read(small)
        except InputError:
            continue


def _percent(share: Any) -> str:
    if not share.total:
        return ""
    return f"{share.found / share.total:.2%} ({share.low:.2%}–{share.high:.2%})"


def _plain(value: Any) -> Any:
    return value.model_dump()

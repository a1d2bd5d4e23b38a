"""Ends a run with an error where more overlaps than it may: for scripts and continuous checks."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting, UserError
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.classes import FLAGGED, Kind
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context,  # noqa: ARG001 - every stage's signature
    overlaps: Table[Overlap],
    *,
    most: int = 0,
    classes: tuple[Kind, ...] = FLAGGED,
) -> Iterator[Overlap]:
    """The pairs, unless more than `most` test items stand in a pair of these classes.

    Raises: UserError above the budget; BadSetting where the audit was not judged. Earlier steps, the report among
    them, stay.
    """
    hit: dict[str, set[str]] = {}
    judged = False
    for overlap in overlaps:
        judged = judged or overlap.kind is not None
        if overlap.kind in classes and overlap.train_set != overlap.test_set:
            hit.setdefault(overlap.test_set, set()).add(overlap.test_id)
    if not judged and len(overlaps):
        raise BadSetting("The pairs have no class yet", mend="Put audit.joint before audit.budget")
    total = sum(map(len, hit.values()))
    if total > most:
        told = ", ".join(f"{len(items)} of {name}" for name, items in hit.items())
        raise UserError(
            f"{total} test items overlap ({told}); the budget is {most}",
            mend="See the report of audit.report; take the train items out with decontaminate",
        )
    yield from overlaps

"""Items whose verdict is good enough."""

from collections.abc import Iterator, Mapping
from typing import Any

from medvlsynther.context import Context
from medvlsynther.records import Item, Verdict
from medvlsynther.store.table import Table

VERSION = 1

NEEDED = ("item_id", "passed", "score", "failed", "second")
"""What deciding takes of a verdict; its marks, most of its bytes, stay on disk."""


def run(ctx: Context, items: Table[Item], verdicts: Table[Verdict], *, min_score: float = 0.967) -> Iterator[Item]:
    """Items that met every essential criterion and score at least `min_score`.

    Source: the published threshold, 0.967. Rejects: no_verdict (the verifier's reply was unusable),
    failed_essential (the detail names the criteria), low_score.
    """
    judged = verdicts.columns(*NEEDED)
    verdict = next(judged, None)
    for item in items:
        if verdict is None or verdict[0] != item.item_id:
            ctx.reject(item.item_id, "no_verdict")
            continue
        reason, detail = _refusal(dict(zip(NEEDED, verdict, strict=True)), min_score)
        if reason:
            ctx.reject(item.item_id, reason, detail)
        else:
            yield item
        verdict = next(judged, None)


def _refusal(verdict: Mapping[str, Any], min_score: float) -> tuple[str, str]:
    score = verdict["score"]
    if not verdict["passed"]:
        second = verdict["second"]["failed"] if verdict["second"] else ()
        return "failed_essential", ", ".join(dict.fromkeys((*verdict["failed"], *second)))
    if score is None or score < min_score:
        shown = "none" if score is None else f"{score:.4f}"
        return "low_score", f"{shown} < {min_score}: {', '.join(verdict['failed'])}"
    return "", ""

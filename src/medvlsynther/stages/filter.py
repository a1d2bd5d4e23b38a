"""Items whose verdict is good enough."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.records import Item, Verdict
from medvlsynther.store.table import Table

VERSION = 1


def run(ctx: Context, items: Table[Item], verdicts: Table[Verdict], *, min_score: float = 0.967) -> Iterator[Item]:
    """Items that met every essential criterion and score at least `min_score`.

    Source: the published threshold, 0.967. Rejects: no_verdict (the verifier's reply was unusable),
    failed_essential (the detail names the criteria), low_score.
    """
    judged = iter(verdicts)
    verdict = next(judged, None)
    for item in items:
        if verdict is None or verdict.item_id != item.item_id:
            ctx.reject(item.item_id, "no_verdict")
            continue
        reason, detail = _refusal(verdict, min_score)
        if reason:
            ctx.reject(item.item_id, reason, detail)
        else:
            yield item
        verdict = next(judged, None)


def _refusal(verdict: Verdict, min_score: float) -> tuple[str, str]:
    if not verdict.passed:
        second = verdict.second.failed if verdict.second else ()
        return "failed_essential", ", ".join(dict.fromkeys((*verdict.failed, *second)))
    if verdict.score is None or verdict.score < min_score:
        score = "none" if verdict.score is None else f"{verdict.score:.4f}"
        return "low_score", f"{score} < {min_score}: {', '.join(verdict.failed)}"
    return "", ""

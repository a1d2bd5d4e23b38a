"""An item that failed its verdict goes back to its writer once, with what was wrong; both versions are kept."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Rubric, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Request
from medvlsynther.errors import ReplyError
from medvlsynther.records import LETTERS, Figure, Item, Verdict
from medvlsynther.rules.mcq import item_schema, read_item
from medvlsynther.store.table import Table, along

VERSION = 1
REPLY_TOKENS = 140


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    verdicts: Table[Verdict],
    *,
    model: Model,
    min_score: float = 0.967,
    rubric: Rubric = Rubric.load("audited"),
    prompt: Prompt = Prompt.load("repair"),
    sampling: Sampling = Sampling(),
) -> Iterator[Item]:
    """Every judged item, as it was or rewritten; a rewritten one has the next number and names its `parent`.

    Put a second `verify` behind it: what was not rewritten is answered from the ledger. A rewriting that cannot be
    read leaves the item as it was, for `filter` to reject. Rejects: no_verdict.
    """
    answers = ctx.answers(model, _requests(items, figures, verdicts, prompt, rubric, min_score), sampling)
    judged = {verdict.item_id: _sound(verdict, min_score) for verdict in verdicts}
    for item in items:
        if item.item_id not in judged:
            ctx.reject(item.item_id, "no_verdict")
        elif judged[item.item_id]:
            yield item
        else:
            answer = next(answers)
            yield item if isinstance(answer, Failure) else _rewritten(item, answer.text, model, prompt)


def _requests(
    items: Table[Item],
    figures: Table[Figure],
    verdicts: Table[Verdict],
    prompt: Prompt,
    rubric: Rubric,
    min_score: float,
) -> Iterator[Request]:
    judged = {v.item_id: v for v in verdicts if not _sound(v, min_score)}
    for item, figure in along(items, figures, "figure_id"):
        if item.item_id not in judged:
            continue
        letters = LETTERS[: len(item.options)]
        marks = {mark.criterion: mark for mark in judged[item.item_id].marks if not mark.passed}
        slots = {
            "caption": figure.caption,
            "mentions": list(figure.mentions),
            "category": figure.category or "",
            "question": item.question,
            "options": item.lettered,
            "answer": item.answer,
            "faults": [
                {"title": c.title, "text": c.text, "note": marks[c.id].note} for c in rubric.criteria if c.id in marks
            ],
            "letters": list(letters),
        }
        yield Request(item.item_id, prompt, slots, figure.images, item_schema(letters), about=item)


def _sound(verdict: Verdict, min_score: float) -> bool:
    return verdict.passed and verdict.score is not None and verdict.score >= min_score


def _rewritten(item: Item, reply: str, model: Model, prompt: Prompt) -> Item:
    try:
        draft = read_item(reply, LETTERS[: len(item.options)])
    except ReplyError:
        return item
    stem, _, number = item.item_id.rpartition("#")
    return item.model_copy(
        update={
            "item_id": f"{stem}#{int(number) + 1}",
            "parent": item.item_id,
            "question": draft.question,
            "options": draft.options,
            "answer": draft.answer,
            "notes": (),
            "origin": model.origin(prompt),
        }
    )

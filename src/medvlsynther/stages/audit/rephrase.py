"""Layer 5, last: a model judges whether two alike texts ask the same. A failed call is "unknown", never "clean"."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from medvlsynther.audit.sets import Exhibit
from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.records import Overlap
from medvlsynther.rules.grading import read_choice
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

VERDICTS = {"A": "same question, same answer", "B": "another question or answer"}
SCORES = {"A": 1.0, "B": 0.0}

CERTAIN = ("exact:item", "exact:item#")
"""Measures that need no judge."""


class _Pair(NamedTuple):
    train_set: str
    train_id: str
    test_set: str
    test_id: str


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    overlaps: Table[Overlap],
    *,
    model: Model,
    prompt: Prompt = Prompt.load("same-question"),
    sampling: Sampling = Sampling(max_tokens=1024),
    most: int = 20000,
) -> Iterator[Overlap]:
    """The pairs found so far, and for each pair of alike texts what the judge says: 1 the same, 0 not, none unknown.

    Pairs beyond the first `most` are not asked about: they come out as unknown and are counted (judge_limit), like
    those whose call failed (under its reason) or whose text is not to be had (no_text).
    """
    pairs: dict[_Pair, None] = {}
    certain: set[_Pair] = set()
    for overlap in overlaps:
        yield overlap
        if overlap.layer == "text":
            pair = _Pair(overlap.train_set, overlap.train_id, overlap.test_set, overlap.test_id)
            pairs[pair] = None
            if overlap.measure in CERTAIN:
                certain.add(pair)
    asked = [pair for pair in pairs if pair not in certain]
    texts = _texts(exhibits, {place for pair in asked for place in (pair[:2], pair[2:])})
    open_pairs = [pair for pair in asked if texts[pair[:2]]["question"] and texts[pair[2:]]["question"]]
    requests = (
        Request(_id(pair), prompt, {"first": texts[pair[2:]], "second": texts[pair[:2]]}) for pair in open_pairs[:most]
    )
    judged: dict[_Pair, float | None] = dict.fromkeys(asked)
    for pair, answer in zip(open_pairs, ctx.answers(model, requests, sampling)):
        judged[pair] = _score(ctx, answer)
    _count(ctx, "judge_limit", open_pairs[most:])
    _count(ctx, "no_text", [pair for pair in asked if pair not in set(open_pairs)])
    for pair, score in judged.items():
        yield _row(pair, score, model)


def _texts(exhibits: Iterable[Exhibit], wanted: set[tuple[str, ...]]) -> dict[tuple[str, ...], dict[str, object]]:
    return {
        (exhibit.set_name, exhibit.item_id): {
            "question": exhibit.stem,
            "options": exhibit.options,
            "answer": exhibit.key,
        }
        for exhibit in exhibits
        if (exhibit.set_name, exhibit.item_id) in wanted
    }


def _id(pair: _Pair) -> str:
    return f"{pair.train_id} ~ {pair.test_id}"


def _score(ctx: Context, answer: Reply | Failure) -> float | None:
    if isinstance(answer, Failure):
        ctx.reject(answer.request.id, answer.reason, answer.detail)
        return None
    choice = read_choice(answer.text, VERDICTS, finish=answer.finish)
    if choice.letter is None:
        ctx.reject(answer.request.id, "judge_unread", answer.text)
        return None
    return SCORES[choice.letter]


def _count(ctx: Context, reason: str, pairs: Iterable[_Pair]) -> None:
    for pair in pairs:
        ctx.reject(_id(pair), reason)


def _row(pair: _Pair, score: float | None, model: Model) -> Overlap:
    said = "not known: no verdict" if score is None else VERDICTS["A" if score else "B"]
    return Overlap(
        train_set=pair.train_set,
        train_id=pair.train_id,
        test_set=pair.test_set,
        test_id=pair.test_id,
        layer="rephrase",
        measure="judge",
        score=score,
        evidence=f"{model.name}: {said}",
    )

"""A rubric on each item: code marks what code can decide, a model marks the rest, and code weighs.

A second verifier of another family may be asked as well; then an item passes where nobody objects, and how far the two
agree is written beside the table.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, tee
from typing import Any

import orjson

from medvlsynther.cards import Model, Prompt, Rubric, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.records import Figure, Item, Mark, Opinion, Verdict
from medvlsynther.rules.label_reads import LABELS, read_labels
from medvlsynther.rules.rubric import Criterion, Form, asked
from medvlsynther.rules.stats import agreement
from medvlsynther.store.table import Table, along

VERSION = 2
STREAMS = True
TOKENS_A_MARK: Mapping[Form, int] = {"keyed": 21, "bare": 5, "list": 75}
"""Reply tokens for one criterion, as counted with a large vocabulary."""
AGREEMENT = "agreement.json"
"""In the step's folder: raw agreement, Cohen's kappa and Gwet's AC1, on passing and for each criterion."""

Judged = tuple[Item, Verdict | ReplyError]
"""An item, and its verdict or why there is none."""


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    model: Model,
    prompt: Prompt = Prompt.load("referee-critic"),
    rubric: Rubric = Rubric.load("audited"),
    second: Model | None = None,
    sampling: Sampling = Sampling(),
) -> Iterator[Verdict]:
    """One verdict an item, whatever it says; `filter` decides.

    Rejects: what reading a reply can find wrong (no_json, insufficient_evidence, …). A second verifier that cannot be
    read is "unknown": it neither passes nor fails an item.
    """
    if second is not None and second.family == model.family:
        mend = "Name a second verifier of another family"
        raise BadSetting(f"{second.name} and {model.name} are both {second.family}", where="verify.second", mend=mend)
    once, again = tee(along(items, figures, "figure_id"))
    judged = _judged(ctx, once, model, prompt, rubric, sampling)
    if second is None:
        return _accepted(ctx, judged)
    return _doubled(ctx, judged, _judged(ctx, again, second, prompt, rubric, sampling), rubric, second)


def calls(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Requests an item, and tokens of each reply, by the form of the replies."""
    rubric: Rubric = settings["rubric"]
    count = len(rubric.lines)
    if rubric.reply_form == "label":
        return count, 1
    return 1, count * TOKENS_A_MARK[rubric.reply_form]


def _judged(
    ctx: Context,
    pairs: Iterable[tuple[Item, Figure]],
    model: Model,
    prompt: Prompt,
    rubric: Rubric,
    sampling: Sampling,
) -> Iterator[Judged]:
    """What a model says of each item, in order: a verdict, or why there is none."""
    by_label = rubric.reply_form == "label"
    check = None if by_label else lambda reply: rubric.read(reply.text)
    answers = ctx.answers(model, _requests(pairs, prompt, rubric), sampling, check)
    wanted = asked(rubric.criteria)
    while group := list(islice(answers, len(wanted) if by_label else 1)):
        item = group[0].request.about
        assert isinstance(item, Item)
        try:
            marks = _labels(wanted, group) if by_label else rubric.read(_reply(group[0]).text)
        except ReplyError as error:
            yield item, error
        else:
            yield item, rubric.weigh(item, marks, model.origin(prompt))


def _requests(pairs: Iterable[tuple[Item, Figure]], prompt: Prompt, rubric: Rubric) -> Iterator[Request]:
    for item, figure in pairs:
        slots = {
            "criteria": rubric.lines,
            "caption": figure.caption,
            "mentions": list(figure.mentions),
            "category": figure.category or "",
            "question": item.question,
            "options": item.lettered,
            "answer": item.answer,
        }
        if rubric.reply_form == "label":
            for line in rubric.lines:
                one = {**slots, "criterion": line}
                yield Request(item.item_id, prompt, one, figure.images, labels=LABELS, about=item)
        else:
            yield Request(item.item_id, prompt, slots, figure.images, rubric.schema(), about=item)


def _labels(wanted: Sequence[Criterion], group: Sequence[Reply | Failure]) -> tuple[Mark, ...]:
    replies = [_reply(answer) for answer in group]
    return read_labels([(one, reply.text, reply.chances) for one, reply in zip(wanted, replies, strict=True)])


def _reply(answer: Reply | Failure) -> Reply:
    """The reply. Raises: ReplyError with the reason of a failure."""
    if isinstance(answer, Failure):
        raise ReplyError(answer.reason, answer.detail)
    return answer


def _accepted(ctx: Context, judged: Iterable[Judged]) -> Iterator[Verdict]:
    for item, found in judged:
        if isinstance(found, Verdict):
            yield found
        else:
            ctx.reject(item.item_id, found.reason, found.detail)


def _doubled(
    ctx: Context, judged: Iterable[Judged], others: Iterable[Judged], rubric: Rubric, second: Model
) -> Iterator[Verdict]:
    """Verdicts with the second opinion; agreement is counted where there are both."""
    pairs: dict[str, list[tuple[bool, bool]]] = {name: [] for name in ("passed", *(c.id for c in rubric.criteria))}
    for (item, verdict), (_, other) in zip(judged, others, strict=True):
        if not isinstance(verdict, Verdict):
            ctx.reject(item.item_id, verdict.reason, verdict.detail)
            continue
        if not isinstance(other, Verdict):
            yield verdict.model_copy(update={"second": Opinion(model=second.name, passed=None)})
            continue
        pairs["passed"].append((verdict.passed, other.passed))
        for one, two in zip(verdict.marks, other.marks, strict=False):
            if one.criterion in pairs and one.by != "code":
                pairs[one.criterion].append((one.passed, two.passed))
        opinion = Opinion(model=second.name, passed=other.passed, score=other.score, failed=other.failed)
        yield verdict.model_copy(update={"passed": verdict.passed and other.passed, "second": opinion})
    table = {name: agreement(*zip(*seen, strict=True)) for name, seen in pairs.items() if seen}
    (ctx.folder / AGREEMENT).write_bytes(orjson.dumps(table, option=orjson.OPT_INDENT_2))

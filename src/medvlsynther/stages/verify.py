"""A rubric on each item: code marks what code can decide, a model marks the rest, and code weighs.

A second verifier of another family may be asked as well; then an item passes where nobody objects, and how far the two
agree is written beside the table.
"""

from collections.abc import Iterable, Iterator
from itertools import tee

import orjson

from medvlsynther.cards import Model, Prompt, Rubric, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.records import Figure, Item, Opinion, Verdict
from medvlsynther.rules.stats import agreement
from medvlsynther.store.table import Table, along

VERSION = 1
STREAMS = True
REPLY_TOKENS = 280
AGREEMENT = "agreement.json"
"""In the step's folder: raw agreement, Cohen's kappa and Gwet's AC1, on passing and for each criterion."""


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

    def read(reply: Reply) -> Verdict:
        return _verdict(rubric, reply, model, prompt)

    verdicts = ctx.ask(model, _requests(once, prompt, rubric), read, sampling)
    if second is None:
        return verdicts
    answers = ctx.answers(second, _requests(again, prompt, rubric), sampling)
    return _doubled(ctx, verdicts, answers, rubric, second, prompt)


def _requests(pairs: Iterable[tuple[Item, Figure]], prompt: Prompt, rubric: Rubric) -> Iterator[Request]:
    schema = rubric.schema()
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
        yield Request(item.item_id, prompt, slots, figure.images, schema, about=item)


def _verdict(rubric: Rubric, reply: Reply, model: Model, prompt: Prompt) -> Verdict:
    item = reply.request.about
    assert isinstance(item, Item)
    return rubric.weigh(item, rubric.read(reply.text), model.origin(prompt))


def _doubled(
    ctx: Context,
    verdicts: Iterable[Verdict],
    answers: Iterator[Reply | Failure],
    rubric: Rubric,
    second: Model,
    prompt: Prompt,
) -> Iterator[Verdict]:
    """Verdicts with the second opinion; both come in the order of the items, and the first may lack some."""
    pairs: dict[str, list[tuple[bool, bool]]] = {name: [] for name in ("passed", *(c.id for c in rubric.criteria))}
    for verdict in verdicts:
        answer = next(a for a in answers if a.request.id == verdict.item_id)
        other = _read_second(rubric, answer, second, prompt)
        if other is None:
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


def _read_second(rubric: Rubric, answer: Reply | Failure, second: Model, prompt: Prompt) -> Verdict | None:
    if isinstance(answer, Failure):
        return None
    try:
        return _verdict(rubric, answer, second, prompt)
    except ReplyError:
        return None

"""The verdicts of published artefacts: the verifier's replies as they were paid for, weighed by this project's code."""

from collections.abc import Iterator

from medvlsynther.cards import Rubric
from medvlsynther.context import Context
from medvlsynther.errors import ReplyError
from medvlsynther.records import Item, Origin, Verdict
from medvlsynther.sources._released import Entry, entries
from medvlsynther.sources._released_records import UNKNOWN, rubric_reply, verdict_of
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.table import Table, along

VERSION = 1


def run(
    ctx: Context,
    items: Table[Item],
    *,
    path: Corpus,
    rubric: Rubric = Rubric.load("medsynvqa"),
    verifier: str = UNKNOWN,
) -> Iterator[Verdict]:
    """A verdict for each item whose row holds a verifier's reply, in the items' order.

    Replies are read and weighed again under `rubric`, so that another formula costs nothing; rows that this project
    exported carry their verdict, which is kept. `verifier` names the model that judged where a row does not say.

    Rejects: not_judged, and what the reader of replies refuses (bad_schema, insufficient_evidence, …).
    """
    origin = Origin(prompt=UNKNOWN, prompt_hash="", model=verifier, model_hash="")
    published = (entry for entry in entries(path.path) if isinstance(entry, Entry))
    for item, entry in along(items, published, "item_id"):
        if kept := verdict_of(entry):
            yield kept
            continue
        reply = rubric_reply(entry.row)
        if reply is None:
            ctx.reject(item.item_id, "not_judged")
            continue
        try:
            yield rubric.weigh(item, rubric.read(reply), origin)
        except ReplyError as error:
            ctx.reject(item.item_id, error.reason, error.detail)

"""The items of published artefacts."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import InputError, ReplyError
from medvlsynther.records import Figure, Item
from medvlsynther.sources._released import Entry, entries
from medvlsynther.sources._released_records import UNKNOWN, item_of
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False


def run(ctx: Context, figures: Table[Figure], *, path: Corpus, writer: str = UNKNOWN) -> Iterator[Item]:
    """The item of each published row whose figure is there, in the figures' order.

    `writer` names the model that wrote items which do not say so. Rows that cannot be read at all were counted with
    the figures.

    Rejects: figure_refused, no_mcq, bad_options, answer_mismatch, bad_evidence, and what the reader of replies
    refuses (bad_schema, …).
    """
    known = {figure.figure_id for figure in figures}
    for entry in entries(path.path):
        if not isinstance(entry, Entry):
            continue
        if entry.figure_id not in known:
            ctx.reject(entry.item_id, "figure_refused", entry.figure_id)
            continue
        try:
            yield item_of(entry, writer)
        except (InputError, ReplyError) as error:
            ctx.reject(entry.item_id, error.reason, error.detail)

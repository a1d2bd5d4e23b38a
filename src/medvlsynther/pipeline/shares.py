"""One recipe worked on by several processes that know nothing of each other but the store.

A share of a step that asks models draws its part of the rows through the chain, so that the replies lie in the
ledger; a share of work on shards keeps what its shards gave beside the step. Nothing of it decides a result: whoever
writes the step goes through all rows and shards as ever, and finds replies and results there instead of working them
out. So shares may come one after the other, at once, twice, half, or not at all.
"""

import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from medvlsynther import catalog
from medvlsynther.context import Context
from medvlsynther.pipeline.desk import Desk, Flow, open_tables
from medvlsynther.pipeline.plan import Step
from medvlsynther.pipeline.sharing import Sharing
from medvlsynther.pipeline.site import Site
from medvlsynther.progress import Board, Budget, Meter
from medvlsynther.records import Record, Reject
from medvlsynther.store.layout import Store
from medvlsynther.store.packs import PACKS, settle
from medvlsynther.store.shares import Leavings, Share
from medvlsynther.store.table import Part, Table


class Work(NamedTuple):
    """What steps are done with."""

    store: Store
    site: Site
    board: Board
    budget: Budget


def shareable(chain: list[Step], work: Work) -> list[Step]:
    """The steps of a chain of which a share can do a part on its own; none where all rows are needed together."""
    head = chain[0]
    if not head.models:
        return chain[:1] if getattr(head.module, "SHARES", False) else []
    first = next(iter(head.inputs.values()), None)
    if first is None or work.store.manifest(first.id) is None or not _kept(chain, work.site):
        return []
    return list(takewhile(lambda step: getattr(step.module, "RECORD_WISE", True), chain))


def _kept(chain: list[Step], site: Site) -> bool:
    """Whether what the first step's models answer comes to lie in a ledger."""
    names = (site.endpoint(model.name).engine or model.engine for model in chain[0].models)
    return all(getattr(catalog.module("engines", name), "LEDGER", True) for name in names)


def take_part(chain: list[Step], share: Share, work: Work) -> None:
    """Do one share of the steps of a chain, and leave a mark.

    Raises: UserError, StepFailed; what was answered and worked out until then is kept.
    """
    with ExitStack() as stack:
        flows: dict[str, Flow[Any]] = {}
        for step in chain:
            desk = stack.enter_context(_part_desk(step, share, work, asks=bool(chain[0].models)))
            tables = open_tables(step, work.store, flows)
            if step is chain[0] and step.models:
                tables = _narrowed(tables, share)
            rows = stack.enter_context(closing(desk.rows(tables)))
            flows[step.id] = Flow(step.output, Path(step.table), rows)
        deque(flows[chain[-1].id], maxlen=0)
    settle(work.store.images / PACKS)
    Leavings(work.store, chain[0].id).mark(share)


def _narrowed(tables: dict[str, Table[Any] | None], share: Share) -> dict[str, Table[Any] | None]:
    """The tables, of the first one the share's rows alone."""
    first = next(iter(tables))
    whole = tables[first]
    assert whole is not None
    return tables | {first: Part(whole, *share.rows(len(whole)))}


class _Unwritten:
    """Stands for a table that nobody will read."""

    def __init__(self) -> None:
        self.rows = 0

    def add(self, row: Record) -> None:  # noqa: ARG002 - it has the signature of what writes tables
        """Count it."""
        self.rows += 1


@contextmanager
def _part_desk(step: Step, share: Share, work: Work, *, asks: bool) -> Iterator[Desk]:
    leavings = Leavings(work.store, step.id)
    leavings.folder.mkdir(exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{share.name}.", suffix=".part", dir=leavings.folder))
    try:
        with work.site.executing(work.store) as executor, leavings.writer(share) as writer:
            meter = Meter(work.board, step.name, None)
            ctx = Context(
                work.store,
                part,
                meter,
                endpoint=work.site.endpoint,
                executor=executor if asks else Sharing(executor, leavings, share, writer),
                on_reject=_unheard,
                budget=work.budget,
                training=work.site.training,
            )
            with closing(ctx):
                yield Desk(step, part, ctx, _Unwritten(), meter)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unheard(reject: Reject) -> None:
    """Whoever writes the step rejects it again, and counts it."""

"""One step being written: its folder, its tables, its counts; and several of them working as a chain.

In a chain the verifier reads items while the generator still writes them. Rows are pulled: the last step draws on the
one before it, and so on up; each row is on its way to disk before the next step sees it.
"""

import logging
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson

from medvlsynther import __version__
from medvlsynther.context import Context
from medvlsynther.errors import StepFailed, UserError
from medvlsynther.pipeline.plan import Step, cards_of, settings_text
from medvlsynther.pipeline.sharing import Collecting
from medvlsynther.pipeline.site import Site
from medvlsynther.progress import LOG, Board, Budget, Meter
from medvlsynther.records import Record, Reject
from medvlsynther.store.layout import DONE, Store
from medvlsynther.store.shares import Leavings
from medvlsynther.store.table import Table, TableWriter

REJECTS = "rejects.parquet"
R = TypeVar("R", bound=Record)


class Flow(Table[R]):
    """The table of a step in the same chain: rows as they come, once."""

    def __init__(self, record: type[R], path: Path, rows: Iterator[R]) -> None:
        self.record = record
        self.path = path
        self._rows = rows

    def __iter__(self) -> Iterator[R]:
        return self._rows

    def columns(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some fields of the rows as they come."""
        return (tuple(getattr(row, name) for name in names) for row in self._rows)

    def __len__(self) -> int:
        raise TypeError(f"{self.path.name} is still being written: a stage that streams cannot ask how long it is")


class Rows(Protocol):
    """Where a step's rows go."""

    rows: int
    """How many came."""

    def add(self, row: Record) -> None:
        """Take one."""
        ...


class Desk:
    """One step under way."""

    def __init__(self, step: Step, part: Path, ctx: Context, writer: Rows, meter: Meter) -> None:
        self.step = step
        self.writer = writer
        self.reasons: Counter[str] = Counter()
        self._part = part
        self._ctx = ctx
        self._meter = meter

    def rows(self, tables: Mapping[str, Table[Any] | None]) -> Generator[Record]:
        """The stage's rows, each written before it is given on."""
        stage = self.step.module.run
        try:
            for row in stage(self._ctx, **tables, **self.step.settings):
                self.writer.add(row)
                self._meter.add(done=1)
                yield row
        except UserError as error:
            error.where = error.where or self.step.name
            raise

    def finish(self, inputs: int | None) -> dict[str, Any]:
        """Check the sums and write the manifest.

        Raises: StepFailed when a record-wise stage lost or invented an input.
        """
        rejected = sum(self.reasons.values())
        stage = self.step.module
        record_wise = inputs is not None and getattr(stage, "RECORD_WISE", True)
        if record_wise and self.writer.rows + rejected != inputs:
            what = f"{inputs} rows went in, {self.writer.rows} came out and {rejected} were rejected"
            raise StepFailed(f"{self.step.id}: {what}")
        manifest = {
            "id": self.step.id,
            "stage": self.step.stage,
            "version": stage.VERSION,
            "medvlsynther": __version__,
            "settings": settings_text(self.step),
            "cards": cards_of(self.step),
            "inputs": wires(self.step),
            "table": self.step.table,
            "rows": self.writer.rows,
            "rejects": dict(sorted(self.reasons.items())),
            "usage": {model: dict(tokens) for model, tokens in sorted(self._ctx.usage.items())},
        }
        LOG.info("%s ends: %s", self.step.id, self._meter.line())
        (self._part / DONE).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        return manifest


def wires(step: Step) -> dict[str, str | None]:
    """Table parameter to the id of the step that fills it."""
    return {parameter: source.id if source else None for parameter, source in step.inputs.items()}


def perform(chain: list[Step], store: Store, site: Site, board: Board, budget: Budget) -> list[dict[str, Any]]:
    """Run the steps of a chain at once and give their manifests, in order.

    Raises: UserError, StepFailed; then no step of the chain is done, and paid replies stay in the ledger.
    """
    with ExitStack() as stack:
        totals = {step.id: _length(step, store) for step in chain}
        # Entered last to first, so that folders get their final names first to last.
        desks = [
            stack.enter_context(_desk(step, totals[step.id], store, site, board, budget)) for step in reversed(chain)
        ]
        desks.reverse()
        flows: dict[str, Flow[Any]] = {}
        for desk in desks:
            rows = stack.enter_context(closing(desk.rows(open_tables(desk.step, store, flows))))
            flows[desk.step.id] = Flow(desk.step.output, Path(desk.step.table), rows)
        for step in reversed(chain):
            deque(flows[step.id], maxlen=0)
        manifests: list[dict[str, Any]] = []
        for desk in desks:
            before = totals[desk.step.id] if not manifests else manifests[-1]["rows"]
            manifests.append(desk.finish(before))
        return manifests


def open_tables(step: Step, store: Store, flows: Mapping[str, Flow[Any]]) -> dict[str, Table[Any] | None]:
    """The input tables of a step: from the chain where it writes them, else from disk."""
    tables: dict[str, Table[Any] | None] = {}
    for parameter, source in step.inputs.items():
        if source is None:
            tables[parameter] = None
        elif source.id in flows:
            tables[parameter] = flows[source.id]
        else:
            tables[parameter] = Table(source.output, store.step(source.id) / source.table)
    return tables


def _length(step: Step, store: Store) -> int | None:
    """Rows of the first table of a step, where it is finished."""
    source = next((source for source in step.inputs.values() if source), None)
    manifest = store.manifest(source.id) if source else None
    return int(manifest["rows"]) if manifest else None


@contextmanager
def _desk(step: Step, total: int | None, store: Store, site: Site, board: Board, budget: Budget) -> Iterator[Desk]:
    with (
        site.executing(store) as executor,
        store.writing(step.id) as part,
        _log_file(part / "log.txt"),
        TableWriter(Reject, part / REJECTS) as rejects,
        TableWriter(step.output, part / step.table) as writer,
    ):
        meter = Meter(board, step.name, total)

        def on_reject(reject: Reject) -> None:
            desk.reasons[reject.reason] += 1
            rejects.add(reject)

        ctx = Context(
            store,
            part,
            meter,
            endpoint=site.endpoint,
            executor=Collecting(executor, Leavings(store, step.id)),
            on_reject=on_reject,
            budget=budget,
            training=site.training,
        )
        desk = Desk(step, part, ctx, writer, meter)
        LOG.info("%s begins", step.id)
        with closing(ctx):
            yield desk


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        handler.close()

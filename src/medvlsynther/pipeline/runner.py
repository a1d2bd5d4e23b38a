"""Runs the steps of a plan that are not done yet. A step is done when its folder bears its name.

Killed at any moment, started again: finished steps are kept, the one under way starts anew, and what a model answered
comes from the ledger. Nothing about time, host or order of completion reaches a table or a manifest.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console

from medvlsynther import __version__, catalog
from medvlsynther.context import Context
from medvlsynther.errors import StepFailed, UserError
from medvlsynther.pipeline.plan import Step, cards_of, plan, settings_text
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.pipeline.site import Site
from medvlsynther.progress import LOG, Meter
from medvlsynther.records import Record, Reject
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.layout import DONE, Store, write_aside
from medvlsynther.store.table import Table, TableWriter

REJECTS = "rejects.parquet"


@dataclass(frozen=True)
class Finished:
    """A step on disk, and whether this run made it."""

    step: Step
    manifest: dict[str, Any]
    fresh: bool


def run(recipe: Recipe, site: Site, *, console: Console | None = None) -> list[Finished]:
    """Every step of the recipe, done.

    Raises: UserError for what the user can mend, StepFailed for a stage that broke its contract; finished steps and
    paid replies stay in the store either way.
    """
    store = Store(Path(site.store))
    store.prepare()
    steps = plan(recipe, cache=store.corpora)
    record_run(store, recipe, steps)
    finished = []
    for step in steps:
        manifest = store.manifest(step.id)
        fresh = manifest is None
        if manifest is None:
            _note_corpora(store, step)
            manifest = perform(step, store, site, console)
        finished.append(Finished(step, manifest, fresh))
    return finished


def record_run(store: Store, recipe: Recipe, steps: list[Step]) -> None:
    """Write what will run under `runs/<recipe>/`: the resolved recipe and the plan."""
    folder = store.runs / recipe.folder
    resolved = {"recipe": recipe.ref, "after": recipe.after.ref if recipe.after else None, "stages": recipe.stages}
    write_aside(folder / "recipe.yaml", yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True).encode())
    lines = [{"stage": step.name, "id": step.id, "inputs": wires(step)} for step in steps]
    write_aside(folder / "plan.json", orjson.dumps(lines, option=orjson.OPT_INDENT_2))


def wires(step: Step) -> dict[str, str | None]:
    """Table parameter to the id of the step that fills it."""
    return {parameter: source.id if source else None for parameter, source in step.inputs.items()}


def open_tables(step: Step, store: Store) -> dict[str, Table[Any] | None]:
    """The input tables of a step whose inputs are done."""
    return {
        parameter: Table(source.output, store.step(source.id) / source.table) if source else None
        for parameter, source in step.inputs.items()
    }


def perform(step: Step, store: Store, site: Site, console: Console | None) -> dict[str, Any]:
    """Run one step into its folder and give its manifest."""
    tables = open_tables(step, store)
    first = next((len(table) for table in tables.values() if table is not None), None)
    with (
        store.writing(step.id) as part,
        _LogFile(part / "log.txt"),
        Meter(step.name, first, console) as meter,
        TableWriter(Reject, part / REJECTS) as rejects,
    ):
        reasons: Counter[str] = Counter()

        def on_reject(reject: Reject) -> None:
            reasons[reject.reason] += 1
            rejects.add(reject)

        ctx = Context(store, part, meter, endpoint=site.endpoint, workers=site.workers, on_reject=on_reject)
        LOG.info("%s begins", step.id)
        with closing(ctx), TableWriter(step.output, part / step.table) as writer:
            for row in _rows(step, ctx, tables):
                writer.add(row)
                meter.add(done=1)
        _check_sum(step, first, writer.rows, sum(reasons.values()))
        manifest = _manifest(step, writer.rows, reasons, ctx.usage)
        LOG.info("%s ends: %s", step.id, meter.line())
        (part / DONE).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def _rows(step: Step, ctx: Context, tables: dict[str, Table[Any] | None]) -> Iterator[Record]:
    stage: Callable[..., Iterator[Record]] = catalog.module("stages", step.name).run
    try:
        yield from stage(ctx, **tables, **step.settings)
    except UserError as error:
        error.where = error.where or step.name
        raise


def _check_sum(step: Step, inputs: int | None, rows: int, rejects: int) -> None:
    """Nothing is dropped silently: a record-wise stage accounts for each input."""
    if inputs is None or not getattr(catalog.module("stages", step.name), "RECORD_WISE", True):
        return
    if rows + rejects != inputs:
        raise StepFailed(f"{step.id}: {inputs} rows went in, {rows} came out and {rejects} were rejected")


def _manifest(step: Step, rows: int, reasons: Counter[str], usage: dict[str, Counter[str]]) -> dict[str, Any]:
    return {
        "id": step.id,
        "stage": step.name,
        "version": catalog.module("stages", step.name).VERSION,
        "medvlsynther": __version__,
        "settings": settings_text(step),
        "cards": cards_of(step),
        "inputs": wires(step),
        "table": step.table,
        "rows": rows,
        "rejects": dict(sorted(reasons.items())),
        "usage": {model: dict(tokens) for model, tokens in sorted(usage.items())},
    }


def _note_corpora(store: Store, step: Step) -> None:
    for value in step.settings.values():
        if isinstance(value, Corpus):
            store.remember_corpus(value.digest, value.path)


class _LogFile:
    """Writes the log of one step into its folder."""

    def __init__(self, path: Path) -> None:
        self._handler = logging.FileHandler(path, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def __enter__(self) -> None:
        LOG.addHandler(self._handler)
        LOG.setLevel(logging.INFO)

    def __exit__(self, *_: object) -> None:
        LOG.removeHandler(self._handler)
        self._handler.close()

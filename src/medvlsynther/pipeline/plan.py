"""From a recipe to steps: names become values, tables are wired, and each step gets the hash that names it.

A stage module offers `run(ctx, …: Table[X], *, …settings) -> Iterator[Y]`, `VERSION`, and `examine` where it refuses
more than can be seen from there. Each `Table[X]` parameter takes the latest X written above it; `Table[X] | None` does
without. Every other parameter is a setting, and its annotation says how the text of the recipe becomes its value.
"""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from medvlsynther import catalog
from medvlsynther.cards import Card, Model, describe
from medvlsynther.errors import BadSetting, UserError
from medvlsynther.fingerprint import canonical, fingerprint
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.records import Record
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.table import Table

STAGE = "stage"
"""Setting that names the stage, where a recipe uses one twice: `verify-again: {stage: verify, …}`."""


@dataclass(frozen=True)
class Signature:
    """What a stage takes and gives, read off its `run`."""

    tables: Mapping[str, type[Record]]
    """Table parameters, in order."""
    optional: frozenset[str]
    """Those that a recipe may leave out."""
    settings: Mapping[str, inspect.Parameter]
    """Setting parameters, with resolved annotations."""
    output: type[Record]
    """Record class of the table written."""


@dataclass(frozen=True)
class Step:
    """A stage bound to its settings and inputs."""

    name: str
    """Its key in the recipe: the stage's name, unless the settings name the stage."""
    stage: str
    """Name of the stage's module."""
    settings: Mapping[str, Any]
    """Bound values of all settings."""
    inputs: Mapping[str, "Step | None"]
    """Table parameter to the step that writes it; None for an optional table that nobody writes."""
    output: type[Record]
    """Record class of the table written."""
    id: str = field(default="")
    """"<stage>-<fingerprint>", the folder's name."""

    @property
    def module(self) -> types.ModuleType:
        """The stage's module."""
        return catalog.module("stages", self.stage)

    @property
    def table(self) -> str:
        """File name of its table."""
        return table_name(self.output)

    @property
    def models(self) -> tuple[Model, ...]:
        """The models it asks."""
        found = (v if isinstance(v, tuple) else (v,) for v in self.settings.values())
        return tuple(model for values in found for model in values if isinstance(model, Model))


def table_name(record: type[Record]) -> str:
    """File name of a table of such records, e.g. "figures.parquet"."""
    name = record.__name__.lower()
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{plural}.parquet"


@cache
def signature(stage: str) -> Signature:
    """What the stage of that name takes and gives.

    Raises: UnknownName.
    """
    run = catalog.module("stages", stage).run
    hints = typing.get_type_hints(run)
    tables: dict[str, type[Record]] = {}
    optional, settings = set(), {}
    for name, parameter in list(inspect.signature(run).parameters.items())[1:]:
        record, may_lack = _table_of(hints[name])
        if record is None:
            settings[name] = parameter.replace(annotation=hints[name])
            continue
        tables[name] = record
        if may_lack:
            optional.add(name)
    (output,) = get_args(hints["return"])
    return Signature(tables, frozenset(optional), settings, output)


def _table_of(annotation: Any) -> tuple[type[Record] | None, bool]:
    """The record class of a `Table[X]` or `Table[X] | None` annotation, and whether it may be None."""
    options = get_args(annotation) if get_origin(annotation) in (types.UnionType, typing.Union) else (annotation,)
    for option in options:
        if get_origin(option) is Table:
            return get_args(option)[0], len(options) > 1
    return None, False


def plan(recipe: Recipe, *, cache: Path | None = None) -> list[Step]:
    """The steps of a recipe, in order, those of the recipe before it first.

    `cache` is the folder in which digests of corpora are remembered.

    Raises: UnknownName, BadSetting, MissingInput: everything that can be known before anything runs.
    """
    steps = plan(recipe.after, cache=cache) if recipe.after else []
    latest: dict[type[Record], Step] = {step.output: step for step in steps}
    for name, settings in recipe.stages.items():
        step = _bound(name, settings, latest, f"{recipe.ref}: {name}", cache)
        latest[step.output] = step
        steps.append(step)
    return steps


def _bound(name: str, settings: Any, latest: Mapping[type[Record], Step], where: str, cache: Path | None) -> Step:
    given = dict(settings) if isinstance(settings, Mapping) else settings or {}
    stage = str(given.pop(STAGE, name)) if isinstance(given, dict) else name
    takes = signature(stage)
    inputs = {parameter: latest.get(record) for parameter, record in takes.tables.items()}
    lacking = [p for p, source in inputs.items() if source is None and p not in takes.optional]
    if lacking:
        wanted = ", ".join(takes.tables[p].__name__ for p in lacking)
        raise BadSetting(f"Nothing above writes {wanted}", where=where, mend="Put the stage that writes it before")
    values = bind(takes.settings, given, where, cache)
    _examined(stage, values, inputs, where)
    identity = {
        "stage": stage,
        "version": catalog.module("stages", stage).VERSION,
        "settings": values,
        "inputs": {parameter: source.id if source else None for parameter, source in inputs.items()},
    }
    return Step(name, stage, values, inputs, takes.output, f"{stage}-{fingerprint(identity)}")


def _examined(stage: str, values: Mapping[str, Any], inputs: Mapping[str, Step | None], where: str) -> None:
    """What a stage itself refuses of a plan: it may offer `examine(settings, sources)`, with the stage of each table.

    Raises: UserError.
    """
    examine = getattr(catalog.module("stages", stage), "examine", None)
    if examine is None:
        return
    try:
        examine(values, {parameter: source.stage if source else None for parameter, source in inputs.items()})
    except UserError as error:
        error.where = error.where or where
        raise


def bind(parameters: Mapping[str, inspect.Parameter], given: Any, where: str, cache: Path | None) -> dict[str, Any]:
    """Values for all setting parameters from the recipe's text and the defaults.

    Raises: BadSetting for an unknown key (with the known ones), a missing or an unfit value.
    """
    if not isinstance(given, Mapping):
        raise BadSetting(f"Settings must be a mapping, not {given!r}", where=where, mend="Write {key: value, …}")
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        raise BadSetting(f"No setting {', '.join(unknown)}", where=where, mend=f"Known: {', '.join(parameters)}")
    values = {}
    for name, parameter in parameters.items():
        if name in given:
            values[name] = _value(given[name], parameter.annotation, f"{where}.{name}", cache)
        elif parameter.default is inspect.Parameter.empty:
            raise BadSetting(f"{name} is not set", where=where, mend=f"--set {where.split(': ')[-1]}.{name}=…")
        else:
            values[name] = parameter.default
    return values


def _value(text: Any, annotation: Any, where: str, cache: Path | None) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Card):
        return annotation.load(str(text), where=where)
    if annotation is Corpus:
        return Corpus.at(str(text), cache, where=where)
    try:
        return _adapter(annotation).validate_python(text)
    except ValidationError as error:
        raise BadSetting(describe(error), where=where, mend="Mend the value") from None
    except UserError as error:
        error.where = where
        raise


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def settings_text(step: Step) -> dict[str, Any]:
    """A step's settings for people and manifests: cards by name, corpora by digest."""
    return {name: _shown(value) for name, value in step.settings.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, Card):
        return value.name
    if isinstance(value, tuple):
        return [_shown(part) for part in value]
    if isinstance(value, Corpus):
        return value.digest
    return canonical(value)


def cards_of(step: Step) -> dict[str, str]:
    """Every card that a step reads, as "folder/name" to the hash of its text."""
    found = {}
    for value in step.settings.values():
        for card in value if isinstance(value, tuple) else (value,):
            if isinstance(card, Card):
                found[f"{type(card).FOLDER}/{card.name}"] = card.hash
    return found

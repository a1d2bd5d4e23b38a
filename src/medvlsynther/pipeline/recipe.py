"""Recipes: which stages, in which order, with which settings. A variant is a merge patch on its recipe.

Source: merge patches as in RFC 7396, so that `null` takes a stage or a setting away.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from medvlsynther import catalog
from medvlsynther.cards import describe, parse_yaml
from medvlsynther.errors import BadSetting, UnknownName
from medvlsynther.records import Record

FOLDER = "recipes"

REFERENCE = re.compile(r"\$\{(?P<stage>[\w.-]+)\.(?P<key>\w+)\}")

Settings = dict[str, Any]


class Card(Record):
    """A recipe file."""

    description: str
    """One line for `medvlsynther list`."""
    source: str = ""
    """Paper section, where the recipe follows one."""
    stages: dict[str, Settings | None]
    """Stage name to settings, in order; null leaves the stage out."""
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Variant name to a merge patch on `stages`."""


class Recipe(Record):
    """A recipe with its variant and the command line's settings merged in."""

    ref: str
    """As the user wrote it, e.g. "medsynvqa@5k"."""
    stages: dict[str, Settings]
    """Stages that run, in order."""
    after: "Recipe | None" = None
    """The recipe that runs first and whose tables this one reads."""

    @property
    def folder(self) -> str:
        """Name of its folder under `runs/`."""
        return Path(self.ref).name.removesuffix(catalog.SUFFIX).replace("/", "_")


def merge(base: Any, patch: Any) -> Any:
    """`patch` applied to `base`: mappings merge key by key, null deletes, anything else replaces.

    Keys keep the order of `base`; new ones come last.
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def split_ref(ref: str) -> tuple[str, str | None]:
    """Name and variant of a reference such as "medsynvqa@5k"."""
    name, _, variant = ref.partition("@")
    return name, variant or None


def read_card(name: str) -> Card:
    """The recipe file of that name or path.

    Raises: UnknownName, MissingInput, BadSetting.
    """
    path = catalog.find(FOLDER, name)
    try:
        return Card.model_validate(parse_yaml(path.read_text(encoding="utf-8"), str(path)))
    except ValidationError as error:
        raise BadSetting(describe(error), where=str(path), mend="Mend the recipe") from None


def load_recipe(ref: str, *, after: str | None = None, sets: Iterable[str] = ()) -> Recipe:
    """The recipe of that reference, with `--set` assignments applied last.

    Raises: UnknownName for a recipe, variant or stage; BadSetting for an assignment that is not `stage.key=value`.
    """
    name, variant = split_ref(ref)
    card = read_card(name)
    stages = dict(card.stages)
    if variant is not None:
        if variant not in card.variants:
            raise UnknownName(variant, f"{name}@", card.variants, where=ref)
        stages = patched(stages, card.variants[variant])
    for assignment in sets:
        stages = patched(stages, parse_set(assignment, stages, ref))
    running = {stage: settings for stage, settings in stages.items() if settings is not None}
    return Recipe(ref=ref, stages=referred(running, running, ref), after=load_recipe(after) if after else None)


def patched(stages: Mapping[str, Settings | None], patch: Mapping[str, Any]) -> dict[str, Settings | None]:
    """A merge patch on stages that keeps the place of a stage that is off, so that a variant may switch it on."""
    result = dict(stages)
    for stage, settings in patch.items():
        result[stage] = None if settings is None else merge(result.get(stage) or {}, settings)
    return result


def referred(value: Any, stages: Mapping[str, Any], where: str) -> Any:
    """Settings with each `${stage.key}` replaced by that setting, so that one line changes a model everywhere.

    Raises: BadSetting for a reference to nothing.
    """
    if isinstance(value, Mapping):
        return {key: referred(part, stages, where) for key, part in value.items()}
    if isinstance(value, list):
        return [referred(part, stages, where) for part in value]
    found = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    settings = stages.get(found["stage"])
    if not isinstance(settings, Mapping) or found["key"] not in settings:
        raise BadSetting(f"{value} refers to nothing", where=where, mend="Name a setting that the recipe holds")
    return settings[found["key"]]


def parse_set(assignment: str, stages: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`stage.key=value` (or `stage=null`) as a merge patch; the value is YAML.

    A stage's name may itself hold a dot (`export.hf.split=0.1`): the longest known stage wins.

    Raises: BadSetting, UnknownName.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise BadSetting(f"Cannot read --set {assignment!r}", where=where, mend="Write --set stage.key=value")
    fitting = [stage for stage in stages if path == stage or path.startswith(f"{stage}.")]
    if not fitting:
        raise UnknownName(path.split(".")[0], f"stages of {where}", stages)
    stage = max(fitting, key=len)
    value = parse_yaml(text, f"--set {path}")
    for key in reversed(path.removeprefix(stage).split(".")[1:]):
        value = {key: value}
    if value is None or isinstance(value, Mapping):
        return {stage: value}
    raise BadSetting(f"--set {assignment!r} names no key", where=where, mend=f"Write --set {stage}.key=value")


def expand(ref: str) -> list[str]:
    """`name@*` as a reference to each variant; any other reference as it is.

    Raises: UnknownName, MissingInput, BadSetting.
    """
    name, variant = split_ref(ref)
    return [f"{name}@{each}" for each in read_card(name).variants] if variant == "*" else [ref]

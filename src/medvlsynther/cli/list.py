"""`medvlsynther list`."""

from typing import Annotated

import typer

from medvlsynther import catalog
from medvlsynther.cards import parse_yaml
from medvlsynther.cli._printing import grid, say
from medvlsynther.errors import UnknownName
from medvlsynther.pipeline.recipe import FOLDER, read_card

CARDS = ("models", "prompts", "rubrics", "benchmarks", "published", "trainers", "vocab")
CODE = ("stages", "sources", "engines")


def run(
    kind: Annotated[str | None, typer.Argument(help=f"One of: recipes, {', '.join((*CARDS, *CODE))}.")] = None,
) -> None:
    """Print what there is to choose from.

    Examples:

        medvlsynther list

        medvlsynther list models
    """
    kinds = (FOLDER, *CARDS, *CODE)
    if kind is not None and kind not in kinds:
        raise UnknownName(kind, "kinds of choices", kinds)
    for each in kinds if kind is None else (kind,):
        rows = _recipes() if each == FOLDER else _code(each) if each in CODE else _cards(each)
        if rows:
            grid((each, ""), rows)
            say()


def _recipes() -> list[tuple[str, str]]:
    rows = []
    for name in catalog.names(FOLDER):
        card = read_card(name)
        rows.append((name, card.description))
        rows += [(f"{name}@{variant}", "") for variant in card.variants]
    return rows


def _cards(folder: str) -> list[tuple[str, str]]:
    paths = ((name, catalog.find(folder, name)) for name in catalog.names(folder))
    return [(name, parse_yaml(path.read_text(encoding="utf-8"), str(path))["description"]) for name, path in paths]


def _code(package: str) -> list[tuple[str, str]]:
    return [(name, (catalog.module(package, name).__doc__ or "").split("\n")[0]) for name in catalog.modules(package)]

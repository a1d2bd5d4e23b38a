"""The card of a data set: a README that the Hub reads (YAML on top) and people read (the rest)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml

from medvlsynther.catalog import ASSETS
from medvlsynther.export.audits import NONE, Audits
from medvlsynther.export.census import Census
from medvlsynther.export.funnel import Funnel
from medvlsynther.export.prose import limits, provenance

SIZES = (
    *((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")),
    *((10**8, "10M<n<100M"), (10**9, "100M<n<1B")),
)
"""Upper bounds of the Hub's size categories."""

HUB_LICENCES = frozenset(
    [f"cc-by{kind}-{version}" for kind in ("", "-sa", "-nc", "-nc-sa") for version in ("2.0", "3.0", "4.0")]
    + ["cc-by-2.5", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc0-1.0"]
)
"""Licence identifiers that the Hub knows among those that articles bear."""

BREAKDOWN_ROWS = 40
"""Values shown of one breakdown; the rest are added up."""


@dataclass(frozen=True)
class Order:
    """What a recipe asks of any exporter."""

    exporter: str
    """Name of the stage."""
    name: str
    """Name of the data set."""
    split: float
    """Share of validation, drawn by article."""
    seed: int
    """Seed of that draw."""
    how: str
    """How to load the data set, for its card."""


def header(name: str, census: Census, configs: list[dict[str, Any]]) -> dict[str, Any]:
    """The YAML part, by the Hub's rules.

    A licence that the Hub has no name for makes the whole "other", with a link to the list of attributions.
    """
    codes = sorted({under.code.lower() for under in census.owed.licences})
    if codes and HUB_LICENCES.issuperset(codes):
        licence: dict[str, Any] = {"license": codes if len(codes) > 1 else codes[0]}
    else:
        licence = {"license": "other", "license_name": "per-figure", "license_link": "ATTRIBUTION.tsv"}
    return {
        "pretty_name": name,
        "language": ["en"],
        **licence,
        "task_categories": ["visual-question-answering", "multiple-choice"],
        "size_categories": [next((label for bound, label in SIZES if census.rows < bound), "1B<n<10B")],
        "tags": sorted({"medical", "biology", "synthetic", *_writer_tags(census)}),
        "annotations_creators": ["machine-generated"],
        "configs": configs,
    }


def _writer_tags(census: Census) -> set[str]:
    return {
        tag for tag, count in (("lexical", census.writers["lexical"]), ("drawn-figures", census.synthetic)) if count
    }


def readme(order: Order, census: Census, funnel: Funnel, configs: list[dict[str, Any]], audits: Audits = NONE) -> str:
    """The whole card."""
    top = yaml.safe_dump(header(order.name, census, configs), sort_keys=False, allow_unicode=True)
    body = _ENVIRONMENT.get_template("card.md.jinja").render(
        name=order.name,
        exporter=order.exporter,
        how=order.how,
        rows=census.rows,
        images=census.images,
        articles=census.owed.articles,
        provenance=provenance(census),
        parts=sorted(census.parts.items()),
        breakdowns=[(title, _common(values)) for title, values in census.breakdowns.items()],
        trials=sorted(census.trials.items()),
        scores=sorted(census.scores.items(), reverse=True),
        criteria=list(census.criteria.items()),
        steps=[(step["id"].rpartition("-")[0], step["rows"], step["rejects"]) for step in funnel.steps],
        probes=audits.probes,
        shared=audits.shared,
        rejects=census.rejects,
        licences=census.owed.licences,
        cards=sorted({**funnel.cards, **census.cards}.items()),
        usage=sorted(funnel.usage.items()),
        limits=limits(census),
    )
    return f"---\n{top}---\n\n{body}"


def _common(values: Mapping[str, int]) -> list[tuple[str, int]]:
    """The values of a breakdown, commonest first, with the rare ones of a long one added up."""
    ranked = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ranked) > BREAKDOWN_ROWS:
        rest = ranked[BREAKDOWN_ROWS:]
        ranked = [*ranked[:BREAKDOWN_ROWS], (f"{len(rest)} others", sum(count for _, count in rest))]
    return ranked


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _reasons(rejects: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(rejects.items(), key=lambda p: (-p[1], p[0])))


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(ASSETS / "export"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters.update(cell=_cell, share=_share, percent=_percent, reasons=_reasons)

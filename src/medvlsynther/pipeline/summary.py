"""What a finished run amounts to, in a few lines."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medvlsynther.engines.base import Usage
from medvlsynther.evaluation.files import TEXT
from medvlsynther.pipeline.runner import Finished
from medvlsynther.pipeline.site import Site
from medvlsynther.store.layout import Store

SHOWN = 6
"""Reasons named; the others are added up."""


def funnel(manifest: Mapping[str, Any]) -> str:
    """The reject reasons of a step with their counts, commonest first."""
    reasons = sorted(manifest["rejects"].items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{reason} {count}" for reason, count in reasons[:SHOWN]]
    rest = sum(count for _, count in reasons[SHOWN:])
    return ", ".join(named + ([f"others {rest}"] if rest else []))


def datasets(site: Site, finished: Iterable[Finished]) -> list[Path]:
    """The folders that export stages wrote."""
    store = Store(Path(site.store))
    found = (store.steps / f.step.id / "dataset" for f in finished if f.step.stage.startswith("export."))
    return [folder for folder in found if folder.is_dir()]


def reports(site: Site, finished: Iterable[Finished]) -> list[tuple[Path, str]]:
    """The folders of steps that wrote a report to read, with its text."""
    store = Store(Path(site.store))
    files = (store.steps / f.step.id / TEXT for f in finished)
    return [(file.parent, file.read_text(encoding="utf-8").rstrip()) for file in files if file.is_file()]


def spent(site: Site, manifest: Mapping[str, Any]) -> float:
    """What the replies behind a step cost, at the site's prices of today."""
    usage = manifest["usage"].items()
    return sum(site.endpoint(model).price(Usage(**tokens)) for model, tokens in usage)

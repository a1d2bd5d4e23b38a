"""What a plan will cost before a cent is spent: rows, requests, images, tokens and price, step by step.

Counts are exact below finished steps and upper bounds elsewhere (nothing is assumed to be rejected). Tokens are
estimates: four characters a token, and the model card's pixels a token for images.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Any

from medvlsynther.cards import Model, Prompt, Sampling, Trainer
from medvlsynther.engines.base import Usage
from medvlsynther.pipeline.plan import Step
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Figure
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table
from medvlsynther.training.base import Place
from medvlsynther.training.forecast import Forecast, forecast
from medvlsynther.training.steps import planned

CHARS_A_TOKEN = 4
SAMPLE = 200
"""Figures read to learn how long captions are and how large images."""


@dataclass(frozen=True)
class Material:
    """The average figure, as text and pixels."""

    chars: float = 1500.0
    images: float = 1.1
    pixels_an_image: float = 384.0 * 300.0


@dataclass(frozen=True)
class Estimate:
    """What one step takes."""

    step: Step
    done: bool
    rows_in: int | None
    """Rows of its first table; None where nothing is known yet."""
    rows_out: int | None
    """Rows that it writes: exact when done, else at most."""
    requests: int | None = None
    """Requests to models; None where it asks none, or nothing is known yet."""
    images: int = 0
    """Images sent."""
    shared_tokens: int = 0
    """Static prompt tokens, the same in every request: a prefix cache computes them once."""
    prompt_tokens: int = 0
    """Prompt tokens in all, static part and images included."""
    reply_tokens: int = 0
    """Reply tokens in all."""
    price: float = 0.0
    """At the site's prices, nothing cached."""
    training: Forecast | None = None
    """What a training takes; None for every other step, and once it is done."""


def estimate(steps: list[Step], store: Store, site: Site) -> list[Estimate]:
    """One estimate a step, in order."""
    rows: dict[str, int | None] = {}
    estimates = []
    for step in steps:
        manifest = store.manifest(step.id)
        first = next((source for source in step.inputs.values() if source), None)
        rows_in = rows[first.id] if first else None
        expect: Callable[[int | None, Mapping[str, Any]], int | None] = getattr(
            step.module, "expect", lambda count, _: count
        )
        rows[step.id] = int(manifest["rows"]) if manifest else expect(rows_in, step.settings)
        found = Estimate(step, manifest is not None, rows_in, rows[step.id])
        if step.models and manifest is None and rows_in is not None:
            found = _asking(found, rows_in, _material(step, store), site)
        if isinstance(step.settings.get("trainer"), Trainer) and manifest is None:
            found = replace(found, training=_training(step, rows_in, store, site))
        estimates.append(found)
    return estimates


def _training(step: Step, rows: int | None, store: Store, site: Site) -> Forecast | None:
    """The forecast of a training; None for a step that only names a trainer, such as merging."""
    export, before = step.inputs.get("questions"), step.inputs.get("checkpoints")
    if export is None:
        return None
    job, backend = planned(
        step.settings, before.name if before else None, store.step(export.id), store.training / step.id
    )
    return forecast(job, backend, site.training.get(backend) or Place(), rows)


def _asking(base: Estimate, rows: int, material: Material, site: Site) -> Estimate:
    step = base.step
    calls, reply = _calls(step)
    static = sum(len(v.system) for v in step.settings.values() if isinstance(v, Prompt)) // CHARS_A_TOKEN
    requests = rows * calls * len(step.models)
    prompt_tokens, price = 0, 0.0
    for model in step.models:
        tokens = static + round(material.chars / CHARS_A_TOKEN + _image_tokens(material, model))
        prompt_tokens += tokens * rows * calls
        usage = Usage(prompt_tokens=tokens, reply_tokens=reply)
        price += site.endpoint(model.name).price(usage) * rows * calls
    return Estimate(
        step,
        base.done,
        base.rows_in,
        base.rows_out,
        requests=requests,
        images=round(requests * material.images),
        shared_tokens=static,
        prompt_tokens=prompt_tokens,
        reply_tokens=reply * requests,
        price=price,
    )


def _calls(step: Step) -> tuple[int, int]:
    """Requests a row and model, and tokens of each reply: as the stage's `calls` says, else one a rollout."""
    if (calls := getattr(step.module, "calls", None)) is not None:
        found: tuple[int, int] = calls(step.settings)
        return found
    rollouts = max((v.rollouts for v in step.settings.values() if isinstance(v, Sampling)), default=1)
    return rollouts, getattr(step.module, "REPLY_TOKENS", 200)


def _image_tokens(material: Material, model: Model) -> float:
    return material.images * material.pixels_an_image / model.pixels_per_token


def _material(step: Step, store: Store) -> Material:
    """The average of the first figures upstream, where they are there already."""
    source = next((s for s in step.inputs.values() if s and s.output is Figure and store.manifest(s.id)), None)
    if source is None:
        return Material()
    figures = list(islice(Table(Figure, store.step(source.id) / source.table), SAMPLE))
    pixels = [i.width_px * i.height_px for f in figures for i in f.images if i.width_px and i.height_px]
    if not figures:
        return Material()
    return Material(
        chars=fmean(len(f.caption) + sum(map(len, f.mentions)) for f in figures),
        images=fmean(len(f.images) for f in figures),
        pixels_an_image=fmean(pixels) if pixels else Material.pixels_an_image,
    )

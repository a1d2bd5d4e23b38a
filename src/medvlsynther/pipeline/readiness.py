"""Can every model of a plan be asked from here? Found out before anything runs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from medvlsynther import catalog
from medvlsynther.cards import Model
from medvlsynther.engines.base import Engine
from medvlsynther.pipeline.plan import Step
from medvlsynther.pipeline.site import Site
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store


def ready(steps: list[Step], site: Site) -> Iterator[tuple[str, str]]:
    """Each model and its engine, once the engine says that it can serve.

    Raises: EngineRefused, MissingExtra, BadSetting, UnknownName.
    """
    models = {model.name: model for step in steps for model in step.models}
    for name, model in models.items():
        engine = site.endpoint(name).engine or model.engine
        asyncio.run(_probe(model, engine, site))
        yield name, engine


async def _probe(model: Model, engine: str, site: Site) -> None:
    images = ImageStore(Store(Path(site.store)).images)
    connected: Engine = catalog.module("engines", engine, where=f"models.{model.name}.engine").connect(
        model, site.endpoint(model.name), images.read
    )
    try:
        await connected.probe()
    finally:
        await connected.close()

"""Where and on what a recipe runs: the site file. Nothing in it reaches a result."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError

from medvlsynther.cards import describe, parse_yaml
from medvlsynther.engines.base import Endpoint
from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.executors.base import Executor
from medvlsynther.executors.cluster import Wanted
from medvlsynther.executors.local import Local
from medvlsynther.executors.ray import joined
from medvlsynther.records import Record
from medvlsynther.store.layout import Store
from medvlsynther.store.remote import is_remote, working_folder
from medvlsynther.training.base import Place

DEFAULT = "medvlsynther.yaml"
"""Read from the working directory when no site file is named."""

ANY = "*"
"""The entry that serves every model without one of its own."""


class Site(Record):
    """The settings of one machine or cluster."""

    store: str = "store"
    """Folder of the store, or the URL of a bucket and a prefix in it (s3://, gs://, az://, hf://)."""
    cache: str = "store-cache"
    """Folder on this machine's disk for what stands before a store in a bucket."""
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1)
    """Processes for CPU work."""
    executor: Literal["local", "ray"] = "local"
    """Where CPU work is done: processes of this machine, or tasks on a Ray cluster."""
    ray: Wanted = Wanted()
    """The cluster, where something runs on one."""
    models: dict[str, Endpoint] = Field(default_factory=dict)
    """Model card name to endpoint; "*" serves the rest."""
    training: dict[str, Place] = Field(default_factory=dict)
    """Training backend to where it runs."""

    def endpoint(self, model: str) -> Endpoint:
        """Where the model of that card name runs."""
        found = self.models.get(model) or self.models.get(ANY) or Endpoint()
        return found.model_copy(update={"cluster": self._cluster()}) if found.engine == "ray" else found

    def located(self) -> Self:
        """The same with a folder of this machine as store: itself, or the one that stands before a bucket.

        Raises: BadSetting, MissingExtra, StoreTrouble.
        """
        if not is_remote(self.store):
            return self
        return self.model_copy(update={"store": str(working_folder(self.store, Path(self.cache)))})

    def executing(self, store: Store) -> AbstractContextManager[Executor]:
        """What does the CPU work, ready for it.

        Raises: MissingExtra, ClusterTrouble.
        """
        return nullcontext(Local(self.workers)) if self.executor == "local" else joined(self._cluster(), store)

    def _cluster(self) -> Wanted:
        return self.ray.model_copy(update={"cpus": self.ray.cpus or self.workers})


def load_site(path: str | None) -> Site:
    """The site file of that path, else `medvlsynther.yaml` here, else the defaults.

    Raises: MissingInput, BadSetting.
    """
    file = Path(path or DEFAULT)
    if not file.is_file():
        if path is None:
            return Site()
        raise MissingInput(f"No site file {path!r}", mend="Write one with `medvlsynther init`")
    try:
        return Site.model_validate(parse_yaml(file.read_text(encoding="utf-8"), str(file)) or {})
    except ValidationError as error:
        raise BadSetting(describe(error), where=str(file), mend="Mend the site file") from None

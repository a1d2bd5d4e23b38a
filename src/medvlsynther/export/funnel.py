"""The way to a data set: every step behind its tables, with what came out and what ended there."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table


@dataclass(frozen=True)
class Funnel:
    """Steps in the order in which they ran, as their manifests tell."""

    steps: tuple[dict[str, Any], ...] = ()

    @property
    def usage(self) -> dict[str, Counter[str]]:
        """Model name to the tokens that the replies behind the data set took, whoever paid them when."""
        total: dict[str, Counter[str]] = {}
        for step in self.steps:
            for model, tokens in step.get("usage", {}).items():
                total.setdefault(model, Counter()).update(tokens)
        return total

    @property
    def cards(self) -> dict[str, str]:
        """Every card that a step read, as "folder/name" to the SHA-256 of its text."""
        return {name: digest for step in self.steps for name, digest in step.get("cards", {}).items()}


def behind(store: Store, tables: Iterable[Table[Any] | None]) -> Funnel:
    """The steps that wrote these tables and all that they read, inputs first; none for tables outside the store."""
    walk = _Walk(store)
    for table in tables:
        if table is not None:
            walk.visit(table.path.parent.name)
    return Funnel(tuple(walk.found))


@dataclass
class _Walk:
    store: Store
    seen: set[str] = field(default_factory=set)
    found: list[dict[str, Any]] = field(default_factory=list)

    def visit(self, step_id: str) -> None:
        if step_id in self.seen:
            return
        self.seen.add(step_id)
        manifest = self.store.manifest(step_id)
        if manifest is None:
            return
        for source in manifest["inputs"].values():
            if source:
                self.visit(source)
        self.found.append(manifest)

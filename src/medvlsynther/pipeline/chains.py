"""Which steps of a plan work at the same time."""

from collections.abc import Iterator

from medvlsynther.pipeline.plan import Step
from medvlsynther.store.layout import Store


def chains(steps: list[Step], store: Store) -> Iterator[list[Step]]:
    """The steps that are not done, grouped into chains that can work at the same time.

    A chain begins with a step that asks a model; a stage joins it when it streams (`STREAMS = True`), reads the step
    before it first, and nothing else that the chain is still writing.
    """
    todo = [step for step in steps if store.manifest(step.id) is None]
    chain: list[Step] = []
    for step in todo:
        if chain and not _joins(step, chain):
            yield chain
            chain = []
        chain = [*chain, step]
    if chain:
        yield chain


def _joins(step: Step, chain: list[Step]) -> bool:
    sources = [source.id for source in step.inputs.values() if source]
    under_way = {member.id for member in chain}
    return (
        bool(chain[0].models)
        and getattr(step.module, "STREAMS", False)
        and sources[0] == chain[-1].id
        and not under_way.intersection(sources[1:])
    )

"""Shares of a run beside each other: who is at work, who waits for whom, and who writes what all have done.

A share does its part of a step and leaves a mark. Once all marks are there, the first to come writes the step; the
others wait for it and go on with the next. A share that still lacks a mark is waited for while its process lives.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from medvlsynther.errors import ShareDone, StoreInUse
from medvlsynther.fingerprint import fingerprint
from medvlsynther.pipeline.chains import chains
from medvlsynther.pipeline.desk import perform
from medvlsynther.pipeline.plan import Step
from medvlsynther.pipeline.recipe import Recipe
from medvlsynther.pipeline.shares import Work, shareable, take_part
from medvlsynther.store.layout import Store
from medvlsynther.store.locks import held, holder, locked
from medvlsynther.store.shares import Leavings, Share

PAUSE_S, PAUSE_BUCKET_S = 0.25, 2.0
"""How long a share waits before it looks again, at a folder and at a bucket."""


class Crew:
    """The processes that work on one recipe in one store."""

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self.recipe = recipe
        self._locks = store.locks
        self._name = f"share-{fingerprint([recipe.stages, recipe.after.stages if recipe.after else None])}"

    @contextmanager
    def joined(self, share: Share | None) -> Iterator[None]:
        """Be at work as a share; or alone, if no share is.

        Raises: StoreInUse, which names who is.
        """
        if share is None:
            for name in locked(self._locks, f"{self._name}."):
                if (who := holder(self._locks, name, sure=True)) is not None:
                    raise StoreInUse(f"A share of this run is at work: {who}", mend="Wait for it, then run again")
            yield
            return
        with held(self._locks, f"{self._name}.{share.name}", f"Share {share} is being done"):
            yield

    def at_work(self, share: Share) -> bool:
        """Whether the process of a share lives."""
        return holder(self._locks, f"{self._name}.{share.name}") is not None


def in_turns(steps: list[Step], crew: Crew, share: Share, work: Work) -> dict[str, dict[str, Any]]:
    """Do a share of every step, and whole steps where it is this process's turn; gives the manifests of the latter.

    Raises: ShareDone where shares are lacking that nobody works on; UserError, StepFailed.
    """
    made: dict[str, dict[str, Any]] = {}
    pause_s = PAUSE_BUCKET_S if work.store.remote else PAUSE_S
    while (chain := next(chains(steps, work.store), None)) is not None:
        if any(holder(work.store.locks, step.id) for step in chain):
            time.sleep(pause_s)
            continue
        part = shareable(chain, work)
        if part and not _all_did(part, crew, share, work):
            time.sleep(pause_s)
            continue
        try:
            made.update(zip((step.id for step in chain), perform(chain, *work), strict=True))
        except StoreInUse:
            time.sleep(pause_s)
    return made


def _all_did(part: list[Step], crew: Crew, share: Share, work: Work) -> bool:
    """Whether every share has done its part; this one does now, if it has not.

    Raises: ShareDone.
    """
    head = part[0]
    leavings = Leavings(work.store, head.id)
    leavings.gather()
    if not leavings.marked(share):
        take_part(part, share, work)
        if work.store.manifest(head.id) is not None:  # a whole run was faster
            leavings.remove()
            return False
    living = [other for other in share.others() if crew.at_work(other)]
    leavings.gather()
    lacking = [other for other in share.others() if not leavings.marked(other)]
    if not lacking:
        return True
    if all(other in living for other in lacking):
        return False
    raise ShareDone(share, head.name, [other for other in lacking if other not in living], crew.recipe.ref)

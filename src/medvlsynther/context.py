"""All that a stage may touch beyond its tables.

Two doors for parallel work, and no third: `ask` (models) and `map` (CPU over shards). Both give results in input
order, whatever finishes first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from medvlsynther.cards import Model, Sampling
from medvlsynther.catalog import module
from medvlsynther.engines._asking import Mend, ask
from medvlsynther.engines.base import Endpoint, Engine, Event, Failure, Reply, Request, Usage, again
from medvlsynther.errors import ReplyError
from medvlsynther.executors.base import Executor
from medvlsynther.progress import Budget, Meter
from medvlsynther.records import Checkpoint, ImageRef, Reject
from medvlsynther.store.corpus import open_member
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.ledger import Ledger, ledger_folder
from medvlsynther.training.base import Place

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

MEANT = frozenset({"insufficient_evidence", "refused"})
"""Faults of a reply that says what it means: asking again would press it to say something else."""

MAX_IMAGE_BYTES = 64 << 20
"""Largest image file that is read at all."""


class Context:
    """What the runner hands to a stage."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        meter: Meter,
        *,
        endpoint: Callable[[str], Endpoint],
        executor: Executor,
        on_reject: Callable[[Reject], None],
        budget: Budget,
        training: Mapping[str, Place] | None = None,
    ) -> None:
        self.store = store
        self.folder = folder
        """The stage's own folder: whatever it writes there becomes part of the finished step."""
        self.images = ImageStore(store.images)
        self.usage: dict[str, Counter[str]] = {}
        """Tokens by model name, replies from the ledger included: what the step's result cost, whoever paid it when."""
        self._meter = meter
        self._endpoint = endpoint
        self._executor = executor
        self._on_reject = on_reject
        self._budget = budget
        self._training = training or {}
        self._folders: dict[str, Path] = {}
        self._open = ExitStack()
        self._asked: dict[str, tuple[Engine, Ledger | None]] = {}

    def reject(self, id: str, reason: str, detail: str = "") -> None:  # noqa: A002 - the record's own field name
        """Count an input that ends here: `reason` is a code in snake_case."""
        self._meter.add(rejects=1)
        self._on_reject(Reject(id=id, reason=reason, detail=printable(detail)))

    def original(self, image: ImageRef) -> bytes:
        """The bytes of an image as its source has them.

        Raises: InputError (image_missing, image_too_large, tar_damaged, …).
        """
        return open_member(self.store.corpus_path(image.corpus), image.member, MAX_IMAGE_BYTES)

    @property
    def lasting(self) -> Path:
        """A folder of this step that outlives a killed run, for what cannot be had again cheaply."""
        return self.store.lasting(self.folder)

    def progress(self, done: int, total: int) -> None:
        """Show how far work has come that gives no rows on its way."""
        self._meter.reach(done, total)

    def place(self, backend: str) -> Place:
        """Where that training backend runs."""
        return self._training.get(backend) or Place()

    def trained(self, checkpoint: Checkpoint) -> Model:
        """A trained model, asked as any other. Its digest is what its replies are kept under, wherever it lies."""
        model = Model.of(checkpoint)
        self._folders[model.name] = self.store.root / checkpoint.folder
        return model

    def _served(self, model: Model) -> Endpoint:
        """Where a model is asked; a trained one's weights are those of this store, unless a server has them."""
        endpoint, folder = self._endpoint(model.name), self._folders.get(model.name)
        if folder is None or endpoint.served_as or endpoint.base_url:
            return endpoint
        return endpoint.model_copy(update={"served_as": str(folder)})

    def ask(
        self, model: Model, requests: Iterable[Request], read: Callable[[Reply], T], sampling: Sampling
    ) -> Iterator[T]:
        """What `read` makes of each reply, in request order.

        A request that fails is rejected under its id and gives nothing; so is a reply that `read` refuses with
        ReplyError, after it was asked for once more where it should have fitted a schema. A reply that was paid for
        before comes from the ledger. `read` is a pure function, and may see a reply more than once.

        Raises: EngineRefused when the server serves nobody; what was answered is kept.
        """
        for answer in self.answers(model, requests, sampling, check=read):
            if isinstance(answer, Failure):
                self.reject(answer.request.id, answer.reason, answer.detail)
                continue
            try:
                value = read(answer)
            except ReplyError as error:
                self.reject(answer.request.id, error.reason, error.detail)
            else:
                yield value

    def answers(
        self,
        model: Model,
        requests: Iterable[Request],
        sampling: Sampling,
        check: Callable[[Reply], object] | None = None,
    ) -> Iterator[Reply | Failure]:
        """The reply to each request, or how it failed, in request order: for stages that ask more than once an input.

        A reply under a schema that `check` refuses with ReplyError is asked for once more, with what is wrong with it.

        Raises: EngineRefused when the server serves nobody, BudgetSpent; what was answered is kept.
        """
        engine, ledger = self._engine(model)
        event: Event = "kept"

        def note(happened: Event) -> None:
            nonlocal event
            event = happened
            self._meter.add(**{happened: 1})

        for answer in ask(engine, ledger, model, requests, sampling, on_event=note, mend=_mending(check)):
            if isinstance(answer, Reply):
                self._account(model, answer.usage, fresh=event == "answered")
            yield answer

    def _account(self, model: Model, usage: Usage, *, fresh: bool) -> None:
        tokens = asdict(usage)
        self.usage.setdefault(model.name, Counter()).update(tokens)
        price = self._endpoint(model.name).price(usage)
        self._meter.spent += price
        if fresh:
            self._budget.spend(price, usage.prompt_tokens + usage.reply_tokens)
        self._meter.add(prompt_tokens=usage.prompt_tokens, reply_tokens=usage.reply_tokens)

    def _engine(self, model: Model) -> tuple[Engine, Ledger | None]:
        """The connected engine of a model and its ledger, opened once a step."""
        if model.hash not in self._asked:
            endpoint = self._served(model)
            engine: Engine = module("engines", endpoint.engine or model.engine).connect(
                model, endpoint, self.images.read
            )
            ledger = None
            if not engine.remembers:
                ledger = Ledger(ledger_folder(self.store.replies, model))
                self._open.callback(ledger.close)
            self._asked[model.hash] = (engine, ledger)
        return self._asked[model.hash]

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """The results of `work` on every shard, in shard order, on the site's executor.

        `work` and what it gives travel between processes, so it is a module-level function (or a partial of one).
        """
        return self._executor.map(work, shards)

    def close(self) -> None:
        """Close ledgers; engines close themselves when their last reply is taken."""
        self._open.close()


def _mending(check: Callable[[Reply], object] | None) -> Mend | None:
    """What is asked in place of a reply that cannot be read: the same, with the complaint."""
    if check is None:
        return None

    def mend(reply: Reply) -> Request | None:
        if reply.request.schema is None:
            return None
        try:
            check(reply)
        except ReplyError as error:
            return None if error.reason in MEANT else again(reply.request, reply.text, str(error))
        return None

    return mend


def printable(text: str) -> str:
    """At most 500 characters that any table can hold: replies may carry lone surrogates."""
    return text[:500].encode("utf-8", "replace").decode("utf-8")

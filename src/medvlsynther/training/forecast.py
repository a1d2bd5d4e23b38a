"""What a planned training will take, told before anything runs: memory, steps, tokens, hours, and the command."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medvlsynther import catalog
from medvlsynther.cards import Trainer
from medvlsynther.errors import BadSetting
from medvlsynther.training.base import Job, Place
from medvlsynther.training.memory import Advice, Need, Work, advice, need, told, work

USUAL_GB = 80.0
"""Memory of a GPU where the site does not tell: what the published runs had."""
PROMPT_TOKENS = 360
"""An image of 384 x 300 pixels and a question with five options, by Qwen2.5-VL."""
REPLY_TOKENS = 400
"""A thought and an answer."""

Preview = Callable[[Job, Place, int], list[str]]


@dataclass(frozen=True)
class Forecast:
    """One training as planned."""

    trainer: str
    """Name of the card."""
    backend: str
    """Who trains."""
    gpus: int
    """GPUs in all; 0 for a CPU."""
    memory_bytes: float
    """Of each."""
    need: Need
    """What each has to hold."""
    ways: tuple[Advice, ...]
    """What makes it fit, where it does not."""
    work: Work | None
    """Steps and tokens, at most; None where the rows are not known yet."""
    tokens_per_second: float | None
    """Throughput that the site states."""
    commands: tuple[str, ...]
    """What is run, where the backend can tell."""

    @property
    def fits(self) -> bool:
        """Every GPU holds its part; a CPU is not asked."""
        return not self.gpus or self.need.peak <= self.memory_bytes

    def lines(self) -> Iterator[str]:
        """The forecast for people."""
        where = f"{self.gpus} GPUs of {told(self.memory_bytes)}" if self.gpus else "a CPU"
        yield f"{self.trainer} by {self.backend} on {where}: at most {told(self.need.peak)} each ({self.need})."
        if not self.fits:
            ways = "; or ".join(map(str, self.ways)) or "a smaller base, or GPUs with more memory"
            yield f"It does not fit. What fits: {ways}."
        if self.work is None:
            return
        yield f"At most {self.work.steps:,} steps of some {self.work.tokens_a_step:,.0f} tokens."
        if self.tokens_per_second:
            hours = self.work.hours(self.tokens_per_second)
            yield f"Some {hours:,.1f} hours at {self.tokens_per_second:,.0f} tokens a second."
        else:
            yield f"State training.{self.backend}.tokens_per_second in the site file to learn the hours."


def forecast(job: Job, backend: str, place: Place, rows: int | None) -> Forecast:
    """What a job on at most `rows` rows will take at a place.

    Raises: UnknownName for a backend that is not there.
    """
    card, gpus = job.card, _gpus(job, backend, place)
    memory = (place.gpu_memory_gb or USUAL_GB) * 1e9
    parts = need(card, backend, max(gpus, 1), memory)
    short = gpus and parts.peak > memory
    preview: Preview | None = getattr(catalog.module("training.backends", backend), "preview", None)
    return Forecast(
        trainer=job.card_name,
        backend=backend,
        gpus=gpus,
        memory_bytes=memory,
        need=parts,
        ways=tuple(advice(card, backend, gpus, memory)) if short else (),
        work=work(card, rows, PROMPT_TOKENS, REPLY_TOKENS) if rows is not None else None,
        tokens_per_second=place.tokens_per_second,
        commands=tuple(_commands(preview, job, place, rows)),
    )


def _gpus(job: Job, backend: str, place: Place) -> int:
    """GPUs in all: the site's, else the card's; GRPO by TRL uses one."""
    card: Trainer = job.card
    if backend == "trl" and card.method == "grpo":
        return min(1, card.gpus if place.gpus is None else place.gpus)
    return card.gpus if place.gpus is None else place.gpus * place.nodes


def _commands(preview: Preview | None, job: Job, place: Place, rows: int | None) -> Iterator[str]:
    """The commands of a backend that shows them; a job that it refuses is refused when it runs, with the reason."""
    if preview is None or rows is None:
        return
    try:
        yield from preview(job, place, rows)
    except BadSetting as error:
        yield f"# {error}"

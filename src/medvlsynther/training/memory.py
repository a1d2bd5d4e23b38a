"""What a training takes before it starts: memory of each GPU, tokens a step, steps and hours; and what to change.

All sizes are bytes of one GPU. Prompts and replies are taken at their limits: a longest row will come, and then it
has to fit. The estimate leans to the high side by some ten percent; it is no promise.

Sources: 16 bytes of state a trained parameter (fp32 weights, gradients and two moments of Adam) and their sharding over
GPUs: ZeRO, arXiv 1910.02054, section 3, with the fp32 weights that verl and TRL train; activations of a transformer
block: Korthikanti et al., arXiv 2205.05198, equation 2 without the attention matrix, which FlashAttention never stores.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from medvlsynther.cards import Shape, Trainer
from medvlsynther.errors import UserError

GIB = 1 << 30
FP32, BF16 = 4, 2
RUNTIME = 3 * GIB
"""CUDA's context, communication buffers, the allocator's waste."""
ENGINE_SHARE = 0.5
"""Part of a GPU that verl's rollout engine reserves (`gpu_memory_utilization`)."""
ENGINE_RUNTIME = 2 * GIB
"""What the engine needs beyond weights and cache: graphs and scratch."""
ENGINE_SEQUENCES = 16
"""Replies of the longest kind that an engine should hold at once, or sampling crawls."""
PACK_TOKENS = 1024
"""Tokens that a row counts for where a backend packs rows: a common length, image included."""
MOST_GPUS = 512
LORA_RANK = 32


@dataclass(frozen=True)
class Need:
    """Bytes of one GPU, part by part."""

    weights: float
    """Trained and frozen weights."""
    gradients: float
    """Of the trained ones."""
    optimizer: float
    """Two moments of Adam."""
    gathered: float
    """Two blocks in full, where weights are sharded."""
    reference: float
    """The policy that training began with."""
    activations: float
    """What the way back needs of the rows computed at once."""
    logits: float
    """Scores over the vocabulary, their logarithms and gradients."""
    rollout: float
    """Sampling: an engine's share, or the key-value cache."""
    runtime: float = RUNTIME
    """See `RUNTIME`."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {told(size)}" for name, size in asdict(self).items() if size)

    @property
    def learning(self) -> float:
        """While weights are updated."""
        return self.total - self.rollout

    @property
    def sampling(self) -> float:
        """While replies are sampled: weights and moments stay."""
        return self.weights + self.optimizer + self.reference + self.rollout + self.runtime

    @property
    def total(self) -> float:
        """All parts, as if at once."""
        return float(sum(asdict(self).values()))

    @property
    def peak(self) -> float:
        """The larger of learning and sampling, which take turns."""
        return max(self.learning, self.sampling if self.rollout else 0.0)


def shape_of(card: Trainer) -> Shape:
    """The card's shape, else that of an ordinary transformer of so many parameters.

    12 hidden² parameters a block and a width of 128 a block give hidden = (128 · parameters / 12)^(1/3).
    """
    if card.shape:
        return card.shape
    hidden = max(16, round((128 * card.parameters / 12) ** (1 / 3)))
    return Shape(
        layers=max(1, round(hidden / 128)),
        hidden=hidden,
        feed_forward=4 * hidden,
        kv_width=hidden,
        vocabulary=max(1, min(152_064, int(card.parameters / 4 / hidden))),
    )


def trained(card: Trainer) -> float:
    """Parameters that are trained: all, or those of the adapters.

    An adapter of rank r beside a matrix of a x b holds r (a + b): four matrices of attention and three of the gated
    layer in each block (LoRA, arXiv 2106.09685, section 4.1).
    """
    if card.lora_rank is None:
        return card.parameters
    form = shape_of(card)
    attention = 2 * (form.hidden + form.hidden) + 2 * (form.hidden + form.kv_width)
    return card.lora_rank * form.layers * (attention + 3 * (form.hidden + form.feed_forward))


def need(card: Trainer, backend: str, gpus: int, memory_bytes: float) -> Need:
    """What each of `gpus` GPUs of `memory_bytes` has to hold, weights sharded over all of them.

    State: 4 bytes of weights, 4 of gradients and 8 of moments a trained parameter; frozen weights take 2, or 4 in
    fp32. Activations of t tokens: 2 t hidden bytes a block where they are recomputed, and 34 t hidden for the one
    block that is; else 34 t hidden for every block. Logits of t tokens: 12 t vocabulary bytes (bf16 scores, fp32 copy,
    fp32 and bf16 gradients); TRL's GRPO scores replies alone. Key-value cache: 4 kv_width bytes a token and block.
    """
    form, shards = shape_of(card), max(gpus, 1)
    width = FP32 if card.precision == "fp32" else BF16
    learnt = trained(card)
    frozen = card.parameters if card.lora_rank is not None else 0.0
    whole = max(card.parameters / form.layers, form.vocabulary * form.hidden)
    computed, scored = _tokens(card, backend)
    block = 34 / BF16 * width * form.hidden
    stream = width * form.hidden * form.layers + block if card.recompute else block * form.layers
    return Need(
        weights=(FP32 * learnt + width * frozen) / shards,
        gradients=FP32 * learnt / shards,
        optimizer=2 * FP32 * learnt / shards,
        gathered=2 * width * whole if shards > 1 else 0.0,
        reference=_reference(card, backend) / shards,
        activations=computed * stream,
        logits=scored * form.vocabulary * 6 * width,
        rollout=_rollout(card, backend, memory_bytes),
    )


def _tokens(card: Trainer, backend: str) -> tuple[int, int]:
    """Tokens that one GPU computes at once, and those of them that it scores over the vocabulary."""
    if backend == "verl":
        return packed_tokens(card), packed_tokens(card)
    longest = card.device_rows * (card.max_prompt_tokens + card.max_reply_tokens)
    return longest, card.device_rows * card.max_reply_tokens if card.method == "grpo" else longest


def packed_tokens(card: Trainer) -> int:
    """Tokens that verl packs into one pass of a GPU: at least one longest row."""
    return max(card.max_prompt_tokens + card.max_reply_tokens, card.device_rows * PACK_TOKENS)


def _reference(card: Trainer, backend: str) -> float:
    """With adapters the base itself is the reference; verl keeps its copy in the machine's memory."""
    if card.method != "grpo" or not card.kl or card.lora_rank is not None or backend == "verl":
        return 0.0
    return FP32 * card.parameters


def _cache(card: Trainer, sequences: float) -> float:
    form = shape_of(card)
    longest = card.max_prompt_tokens + card.max_reply_tokens
    return sequences * longest * 2 * form.kv_width * form.layers * BF16


def _rollout(card: Trainer, backend: str, memory_bytes: float) -> float:
    if card.method != "grpo":
        return 0.0
    if backend != "verl":
        return _cache(card, card.device_rows)
    least = BF16 * card.parameters + _cache(card, ENGINE_SEQUENCES) + ENGINE_RUNTIME
    return max(ENGINE_SHARE * memory_bytes, least)


def fits(card: Trainer, backend: str, gpus: int, memory_bytes: float) -> bool:
    """Whether the peak is within the memory of each GPU."""
    return need(card, backend, gpus, memory_bytes).peak <= memory_bytes


@dataclass(frozen=True)
class Advice:
    """A change that makes a training fit."""

    change: Mapping[str, Any]
    """Values for the recipe's `change`; empty where only GPUs are added."""
    gpus: int
    """GPUs of the same kind."""
    backend: str
    """Backend that can do it."""

    def __str__(self) -> str:
        told = [f"backend: {self.backend}"] if self.backend else []
        if self.change:
            told.append(f"change: {{{', '.join(f'{key}: {_shown(value)}' for key, value in self.change.items())}}}")
        return ", ".join(told) or f"{self.gpus} such GPUs"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def advice(card: Trainer, backend: str, gpus: int, memory_bytes: float) -> list[Advice]:
    """What makes it fit, the least change first: cheaper computing, more GPUs, adapters. Empty where nothing does.

    GRPO by TRL runs on one GPU, whatever there is.
    """
    found = []
    cheaper = _until_fits(card, backend, gpus, memory_bytes, _cheaper(card))
    if cheaper:
        found.append(Advice(cheaper, gpus, ""))
    alone = backend == "trl" and card.method == "grpo"
    more = next((n for n in _doubled(gpus) if fits(card, backend, n, memory_bytes)), None)
    if more and not alone:
        found.append(Advice({}, more, ""))
    if card.lora_rank is None:
        adapters: dict[str, Any] = {"lora_rank": LORA_RANK}
        changed = _until_fits(_changed(card, adapters), "trl", gpus, memory_bytes, _cheaper(card))
        if changed is not None:
            found.append(Advice({**adapters, **changed}, gpus, "trl" if backend != "trl" else ""))
    return found


def _cheaper(card: Trainer) -> list[dict[str, Any]]:
    """Changes that cost time or length, in the order in which one would try them."""
    steps: list[dict[str, Any]] = []
    if not card.recompute:
        steps.append({"recompute": True})
    if card.device_rows > 1:
        steps.append({"device_rows": 1})
    for limit in (2048, 1024):
        if card.max_prompt_tokens > limit:
            steps.append({"max_prompt_tokens": limit})
        if card.max_reply_tokens > limit:
            steps.append({"max_reply_tokens": limit})
    return steps


def _until_fits(
    card: Trainer, backend: str, gpus: int, memory_bytes: float, steps: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Changes one after another until it fits, without those that turned out needless; None where all do not help."""
    taken: dict[str, Any] = {}
    for step in ({}, *steps):
        taken = {**taken, **step}
        if fits(_changed(card, taken), backend, gpus, memory_bytes):
            break
    else:
        return None
    for key in list(taken):
        rest = {name: value for name, value in taken.items() if name != key}
        if fits(_changed(card, rest), backend, gpus, memory_bytes):
            taken = rest
    return taken


def _changed(card: Trainer, values: Mapping[str, Any]) -> Trainer:
    return card.model_copy(update=dict(values))


def _doubled(gpus: int) -> Iterator[int]:
    count = 2 * max(gpus, 1)
    while count <= MOST_GPUS:
        yield count
        count *= 2


@dataclass(frozen=True)
class Work:
    """How much there is to compute."""

    steps: int
    """Steps as the curves count them."""
    tokens_a_step: float
    """Prompt and reply tokens that a step samples or learns from; a sampled token counts once."""

    def hours(self, tokens_per_second: float) -> float:
        """At a throughput of so many tokens a second, all GPUs together."""
        return self.steps * self.tokens_a_step / tokens_per_second / 3600


def work(card: Trainer, rows: int, prompt_tokens: float, reply_tokens: float) -> Work:
    """Steps and tokens of a training on `rows` rows of so many tokens each, none above the card's limits.

    A step takes `batch_rows` rows; GRPO samples `rollouts` replies to each. A last batch that is not full is left out
    by verl and counted here only where the data is smaller than one batch.
    """
    steps = card.updates or max(1, int(card.epochs * max(1, rows // card.batch_rows)))
    length = min(prompt_tokens, card.max_prompt_tokens) + min(reply_tokens, card.max_reply_tokens)
    return Work(steps, card.batch_rows * (card.rollouts if card.method == "grpo" else 1) * length)


def check_memory(card: Trainer, backend: str, gpus: int, memory_bytes: float) -> None:
    """Nothing, when each GPU holds its part.

    Raises: UserError with what does not fit and what to change.
    """
    parts = need(card, backend, gpus, memory_bytes)
    if parts.peak <= memory_bytes:
        return
    ways = advice(card, backend, gpus, memory_bytes)
    raise UserError(
        f"{told(parts.peak)} are needed on each of {gpus} GPUs and {told(memory_bytes)} are there: {parts}",
        where=f"trainers/{card.name}",
        mend=f"What fits: {'; or '.join(map(str, ways))}" if ways else "Take a smaller base, or GPUs with more memory",
    )


def told(size: float) -> str:
    """A size for people."""
    return f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{ceil(size / 1e9):,} GB"

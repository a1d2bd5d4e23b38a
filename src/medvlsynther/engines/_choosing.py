"""The next token of each reply under way: its own grammar, its own temperature, its own chance.

Nothing of one reply reaches another: each draws from a generator of its own, so that a reply depends neither on those
that happen to be computed with it nor on the order in which they came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medvlsynther.engines._guided import Guide


@dataclass(slots=True)
class Draw:
    """How one reply's tokens are chosen, and what became of it."""

    max_tokens: int
    """Longest reply."""
    temperature: float
    """0 is greedy."""
    top_p: float
    """Nucleus."""
    seed: int
    """Start of its own chance."""
    guide: Guide | None = None
    """Its grammar; None for free text."""
    labels: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Of a closed choice: each label with the tokens that begin it. The likeliest is taken, and nothing is written."""
    chances: dict[str, float] = field(default_factory=dict)
    """Chance of each label, adding up to 1."""
    finish: str = "stop"
    """"length" once the limit cut it."""
    tokens: list[int] = field(default_factory=list)
    """Tokens chosen, without the one that ends it."""
    ended: bool = False
    """Whether it is finished."""
    generator: Any = None
    """Its chance, made when first needed."""


class Chooser:
    """Chooses for a batch. Called by `generate` as a logits processor, it leaves one token possible a row."""

    def __init__(self, draws: Sequence[Draw], ends: Sequence[int]) -> None:
        self._draws = draws
        self._ends = frozenset(ends)
        self._end = ends[0]

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002 - the signature that `generate` calls
        """`scores` (replies x vocabulary) with all but the chosen token of each row at minus infinity."""
        import torch

        chosen = [self._next(draw, scores[row]) for row, draw in enumerate(self._draws)]
        only = torch.full_like(scores, float("-inf"))
        only[torch.arange(len(chosen)), torch.tensor(chosen, device=scores.device)] = 0.0
        return only

    def _next(self, draw: Draw, logits: Any) -> int:
        if draw.ended:
            return self._end
        if draw.labels:
            _weigh(draw, logits)
            return self._end
        if len(draw.tokens) >= draw.max_tokens or (draw.guide is not None and draw.guide.done):
            draw.ended = True
            draw.finish = "stop" if draw.guide is not None and draw.guide.done else "length"
            return self._end
        token = self._choose(draw, logits)
        if token in self._ends:
            draw.ended = True
            return self._end
        draw.tokens.append(token)
        if draw.guide is not None:
            draw.guide.take(token)
        return token

    def _choose(self, draw: Draw, logits: Any) -> int:
        import torch

        logits = logits.float()
        if draw.guide is not None:
            allowed = torch.from_numpy(draw.guide.allowed()).to(logits.device)
            logits = logits.masked_fill(~allowed, float("-inf"))
        if draw.temperature <= 0.0:
            return int(logits.argmax())
        if draw.generator is None:
            draw.generator = torch.Generator().manual_seed(draw.seed)
        chances = nucleus(torch.softmax(logits / draw.temperature, dim=-1), draw.top_p).cpu()
        return int(torch.multinomial(chances, 1, generator=draw.generator))


def _weigh(draw: Draw, logits: Any) -> None:
    """How likely each label is to come next, as a share of all of them."""
    import torch

    likely = torch.softmax(logits.float(), dim=-1)
    mass = {label: float(likely[list(tokens)].sum()) for label, tokens in draw.labels.items()}
    total = sum(mass.values())
    draw.chances = {label: found / total if total > 0.0 else 1.0 / len(mass) for label, found in mass.items()}
    draw.ended = True


def nucleus(chances: Any, top_p: float) -> Any:
    """Probabilities (vocabulary,) without the least likely tokens beyond the first that together reach `top_p`."""
    if top_p >= 1.0:
        return chances
    ordered, order = chances.sort(descending=True)
    beyond = ordered.cumsum(-1) - ordered >= top_p
    return chances.index_fill(0, order[beyond], 0.0)

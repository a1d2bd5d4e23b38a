"""The static text of a prompt, computed once: its keys and values stand ready for every batch that begins with it.

Source: transformers' dynamic caches; a copy of one that holds the first tokens gives the same replies as computing
them anew. In a batch the padding then stands behind the prefix instead of before it, which models with recurrent or
sliding layers do not bear: for those only single rows begin with a prefix.
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from medvlsynther.engines._weights import Weights
from medvlsynther.engines.base import Rendered

LEAST_TOKENS = 64
"""Shorter prefixes are computed anew faster than they are copied."""
KEPT = 4
"""Prefixes held: a generator's, a verifier's, and some more."""


class Prefixes:
    """The prefixes of one model's prompts."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._held: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._static: dict[tuple[str, str], tuple[int, ...]] = {}

    def begin(self, system: str, options: Mapping[str, Any], tensors: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """The tensors of a batch, with a cache that holds the first so many tokens of each row; 0: without one."""
        static = self._tokens(system, options)
        rows = tensors["input_ids"].shape[0]
        if len(static) < LEAST_TOKENS or not _all_begin(tensors, static):
            return tensors, 0
        cache = self._cache(static)
        if cache is None or (rows > 1 and not _plain(cache)):
            return tensors, 0
        cache = copy.deepcopy(cache)
        if rows > 1:
            cache.batch_repeat_interleave(rows)
        return {**_aligned(tensors, len(static)), "past_key_values": cache}, len(static)

    def _tokens(self, system: str, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Tokens with which every prompt begins that has this static text, whatever follows."""
        key = (system, repr(sorted(options.items())))
        if key not in self._static:
            ids = [
                self._weights.tokenizer(
                    self._weights.chat(Rendered(system, "", word), 0, options), add_special_tokens=False
                )["input_ids"]
                for word in ("A", "0")
            ]
            shared = next((n for n, (one, two) in enumerate(zip(*ids, strict=False)) if one != two), 0)
            # The last one may melt together with what follows.
            self._static = {key: tuple(ids[0][: max(shared - 1, 0)]), **self._static}
        return self._static[key]

    def _cache(self, static: tuple[int, ...]) -> Any:
        import torch
        from transformers import DynamicCache

        if static not in self._held:
            ids = torch.tensor([static], device=self._weights.device)
            done = self._weights.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=1,
                do_sample=False,
                return_dict_in_generate=True,
                pad_token_id=self._weights.pad,
            )
            cache = done.past_key_values
            fits = isinstance(cache, DynamicCache) and cache.get_seq_length() == len(static)
            self._held[static] = cache if fits else None
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
        self._held.move_to_end(static)
        return self._held[static]


def _plain(cache: Any) -> bool:
    """Whether every layer looks at all positions alike."""
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in cache.layers)


def _all_begin(tensors: Mapping[str, Any], static: tuple[int, ...]) -> bool:
    """Whether each row, its padding left out, begins with the static tokens and goes on after them."""
    rows = zip(tensors["input_ids"], tensors["attention_mask"].bool(), strict=True)
    return all(
        len(ids := row[kept]) > len(static) and tuple(ids[: len(static)].tolist()) == static for row, kept in rows
    )


def _aligned(tensors: Mapping[str, Any], length: int) -> dict[str, Any]:
    """Rows with their first `length` tokens before the padding, in every tensor that has one value a token."""
    import torch

    shape = tensors["input_ids"].shape
    pads = (tensors["attention_mask"] == 0).sum(dim=1).tolist()
    place = torch.arange(shape[1])
    order = torch.stack(
        [torch.cat([place[n : n + length], place[:n], place[n + length :]]) for n in pads],
    ).to(tensors["input_ids"].device)
    return {name: value.gather(1, order) if value.shape == shape else value for name, value in tensors.items()}

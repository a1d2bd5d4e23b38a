"""Replies that fit their schema: at each step only tokens that a valid reply may go on with can be chosen.

Source: llguidance's matchers; unlike servers, they keep length bounds, so a schema is taken whole.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from medvlsynther.errors import BadSetting

GRAMMARS_KEPT = 32
"""Compiled schemas held: a recipe has about one a stage."""


class Guide:
    """How far one reply has come through its grammar."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._words = (vocabulary + 31) // 32
        self._vocabulary = vocabulary

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which tokens may come next, one flag each; the end of the reply is a token too.

        Raises: BadSetting when the grammar is too complex to be followed.
        """
        mask = np.zeros(self._words, dtype=np.uint32)
        self._matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
        if self._matcher.is_error():
            raise BadSetting(f"A reply's schema cannot be followed: {self._matcher.get_error()[:200]}", where="schema")
        return np.unpackbits(mask.view(np.uint8), bitorder="little", count=self._vocabulary).astype(np.bool_)

    def take(self, token: int) -> None:
        """Go on by one token, one of those allowed."""
        self._matcher.consume_token(token)

    @property
    def done(self) -> bool:
        """Whether nothing but the end can follow."""
        return bool(self._matcher.is_stopped())


class Guides:
    """Guides for the schemas asked for, with one tokenizer."""

    def __init__(self, tokenizer: Any, vocabulary: int, ends: list[int]) -> None:
        """`tokenizer` is a fast one; `vocabulary` is the number of logits; `ends` are the tokens that end a reply."""
        from llguidance.hf import from_tokenizer

        self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=ends)
        self._vocabulary = vocabulary
        self._compiled: OrderedDict[bytes, Any] = OrderedDict()

    def start(self, schema: Mapping[str, Any]) -> Guide:
        """A guide at the beginning of a reply.

        Raises: BadSetting for a schema that no grammar can be made of.
        """
        from llguidance import LLMatcher

        key = orjson.dumps(dict(schema))
        if (matcher := self._compiled.get(key)) is None:
            compact = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
            grammar = LLMatcher.grammar_from_json_schema(key.decode(), defaults=compact)
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
            if matcher.is_error():
                raise BadSetting(f"Not a schema that can be followed: {matcher.get_error()[:200]}", where="schema")
            self._compiled[key] = matcher
            if len(self._compiled) > GRAMMARS_KEPT:
                self._compiled.popitem(last=False)
        return Guide(matcher.deep_copy(), self._vocabulary)

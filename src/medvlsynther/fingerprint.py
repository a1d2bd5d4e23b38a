"""The hash that names a step: canonical JSON of what decides a result, and nothing else.

Not identity, on purpose: the site, the engine, concurrency, batch size, executor, time, host, a card's name.
A value that cannot be written canonically is refused rather than written approximately.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

import orjson
from pydantic import BaseModel

LENGTH = 16
"""Hex digits of a fingerprint: 64 bits, enough for a store of millions of steps."""


def canonical(value: object) -> object:
    """`value` as plain JSON types, with models and cards by their own `identity` where they have one.

    Raises: TypeError for anything without one canonical form (sets, NaN, objects).
    """
    identity = getattr(value, "identity", None)
    if callable(identity):
        return canonical(identity())
    if isinstance(value, BaseModel):
        return canonical({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"a mapping with keys that are not text has no canonical form: {value!r}")
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value!r} has no canonical form")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Sequence):
        return [canonical(part) for part in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def fingerprint(value: object) -> str:
    """The first 16 hex digits of the SHA-256 of `value` in canonical form."""
    text = orjson.dumps(canonical(value), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:LENGTH]


def text_hash(text: str | bytes) -> str:
    """The full SHA-256 of a text or of bytes, in hex."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def draw(seed: int, *names: str) -> int:
    """A 64-bit number that depends on the seed and the names alone: the house's only source of chance.

    Ranking by it gives the same sample under any number of workers, shard order and hash seed.
    """
    text = "\x1f".join((str(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

"""An item writer and checker without a model: captions, the vocabulary cards and nothing else.

It writes questions on modality, anatomy and findings (`_lexical_write`), awards the marks that code can decide
(`_lexical_judge`), labels and explains (`_lexical_label`), and answers by a draw. The same request has the same reply
on every machine. It looks at no image and never pretends to be a model: its name stands in every item's origin.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._lexical_judge import Exhibit, judge
from medvlsynther.engines._lexical_label import explain, guess, label
from medvlsynther.engines._lexical_terms import Evidence
from medvlsynther.engines._lexical_write import write
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request

NOTHING = "insufficient_evidence"
"""What prompts ask for when no sound reply can be given."""


def _evidence(slots: Mapping[str, Any]) -> Evidence:
    mentions = tuple(str(mention) for mention in slots.get("mentions", ()))
    return Evidence(str(slots.get("caption", "")), mentions, str(slots.get("category", "")))


def _exhibit(slots: Mapping[str, Any]) -> Exhibit:
    options = {str(letter): str(text) for letter, text in slots["options"].items()}
    return Exhibit(str(slots["question"]), options, str(slots.get("answer", "")), _evidence(slots))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _write(request: Request, _: Sampling) -> str:
    """An item; a second try (repair) is drawn anew."""
    slots = request.slots
    figure_id = f"{slots.get('figure_id', request.id)}{'' if request.prompt.task == 'write' else '/again'}"
    letters = list(slots["letters"])
    images = int(slots.get("images", len(request.images)))
    written = write(_evidence(slots), figure_id=figure_id, options=len(letters), images=max(images, 1))
    if written is None:
        return _json({"error": NOTHING})
    options = dict(zip(letters, written.options, strict=True))
    return _json({"question": written.question, "options": options, "answer": letters[written.key]})


def _judge(request: Request, _: Sampling) -> str:
    """All marks; or one of them, where one criterion is asked for on its own."""
    one = request.slots.get("criterion")
    return _json(judge(_exhibit(request.slots), [one] if one else request.slots["criteria"]))


def _label(request: Request, _: Sampling) -> str:
    return _json(label(_exhibit(request.slots)))


def _explain(request: Request, _: Sampling) -> str:
    return explain(_exhibit(request.slots)) or _json({"error": NOTHING})


def _answer(request: Request, sampling: Sampling) -> str:
    slots = request.slots
    letter = guess(str(slots["question"]), slots["options"], seed=sampling.seed or 0, sample=request.sample)
    return f"<answer>{letter}</answer>"


_TASKS: Mapping[str, Callable[[Request, Sampling], str]] = {
    "write": _write,
    "repair": _write,
    "judge": _judge,
    "label": _label,
    "explain": _explain,
    "answer": _answer,
}


LEDGER = False
"""Replies cost nothing, so no ledger keeps them."""


class _Lexical:
    """Replies at once, from the slots of the request."""

    concurrency = 1
    remembers = True

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request.

        Raises: ReplyError (unsupported_task).
        """
        task = _TASKS.get(request.prompt.task)
        if task is None:
            raise ReplyError("unsupported_task", f"the lexical engine does not {request.prompt.task}")
        return Reply(request=request, text=task(request, sampling))

    async def probe(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """Nothing to let go of."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:  # noqa: ARG001 - every engine's signature
    """The engine; it needs neither server nor images."""
    return _Lexical()

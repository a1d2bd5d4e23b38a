"""What the ledger keeps of an answer, and how it becomes an answer again."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from medvlsynther.cards import Model
from medvlsynther.engines.base import Failure, Reply, Request, Usage

PAID_FOR = frozenset({"truncated", "content_filter"})
"""Failures that the server answered and charged for: kept in the ledger like replies, and not asked again."""

Answer = Reply | Failure

_USAGE = tuple(field.name for field in fields(Usage))


def about(request: Request, model: Model) -> dict[str, Any]:
    """What an entry says of its request, for people who read the ledger."""
    images = [image.sha256 for image in request.images]
    return {"model": model.name or model.repo, "id": request.id, "images": images}


def pack(answer: Answer, about: Mapping[str, Any]) -> dict[str, Any] | None:
    """A ledger entry; None for a failure that cost nothing and may be asked again."""
    if isinstance(answer, Failure):
        return {"failed": answer.reason, "detail": answer.detail, **about} if answer.reason in PAID_FOR else None
    usage = answer.usage
    return {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "finish": answer.finish,
        **({"chances": dict(answer.chances)} if answer.chances else {}),
        "usage": {name: getattr(usage, name) for name in _USAGE},
        "attempts": answer.attempts,
        "latency_s": round(answer.latency_s, 3),
        **about,
    }


def unpack(entry: Mapping[str, Any] | None, request: Request) -> Answer | None:
    """An answer from its entry; None where there is none, or none that can be understood."""
    if entry is None:
        return None
    try:
        if "failed" in entry:
            return Failure(request, entry["failed"], entry["detail"])
        return Reply(
            request=request,
            text=entry["text"],
            reasoning=entry["reasoning"],
            finish=entry["finish"],
            chances=dict(entry.get("chances", {})),
            usage=Usage(**entry["usage"]),
            attempts=entry["attempts"],
            latency_s=entry["latency_s"],
        )
    except (KeyError, TypeError, ValueError):  # whole, but written by somebody else
        return None

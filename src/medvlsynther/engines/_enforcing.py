"""Does a server obey the schemas that it accepts? Found out by asking for what no reply would say by itself.

Several servers take a schema, answer with HTTP 200 and ignore it. The probe asks for a greeting under a schema that
allows one made-up word only: a server that obeys has no choice but to give that word, a server that does not greets.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from medvlsynther.engines._http import Outcome
from medvlsynther.engines._protocols import Question, Wire
from medvlsynther.engines._servers import Form, Kind
from medvlsynther.engines.base import Rendered
from medvlsynther.errors import ReplyError

PROBE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Enforcement:
    """How to hand over a schema, and whether it is obeyed."""

    form: Form | None
    """The form to use; None where the server rejects every form."""
    obeyed: bool | None
    """None where the probe could not tell."""


async def enforcement(ask: Callable[[Question], Awaitable[Outcome]], wire: Wire, kind: Kind, model: str) -> Enforcement:
    """The first form that is obeyed; else the first that is at least accepted; else none."""
    accepted: Enforcement | None = None
    for form in kind.forms:
        word = f"q{secrets.token_hex(4)}"
        outcome = await ask(_question(form, word, model))
        if outcome.word in ("bad_request", "context_overflow"):
            continue
        obeyed = _obeyed(outcome, wire, word)
        if obeyed is not False:
            return Enforcement(form, obeyed)
        accepted = accepted or Enforcement(form, obeyed=False)
    return accepted or Enforcement(None, obeyed=False)


def _question(form: Form, word: str, model: str) -> Question:
    schema = {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [word]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    return Question(
        model=model,
        words=Rendered(system="", material="", task="Greet me in one short sentence."),
        pictures=(),
        schema=orjson.dumps(schema),
        form=form,
        max_tokens=PROBE_TOKENS,
        temperature=0.0,
        top_p=1.0,
        seed=None,
    )


def _obeyed(outcome: Outcome, wire: Wire, word: str) -> bool | None:
    """None where the server had no chance to show it: an error, or all its tokens spent on thoughts."""
    if outcome.word != "answered":
        return None
    try:
        answer = wire.read(outcome.payload)
        if not answer.text:
            return None
        return bool(orjson.loads(answer.text) == {"word": word})
    except ReplyError:
        return None
    except orjson.JSONDecodeError:
        return False

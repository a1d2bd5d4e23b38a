"""Reading labels: a model's word is matched to a closed list by name or alias, or it is "other"."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from medvlsynther.errors import ReplyError
from medvlsynther.records import Term
from medvlsynther.rules.mcq import read_object

OTHER = "other"


class Lists(NamedTuple):
    """The closed lists, by the field of `Label` that they fill."""

    question_type: Sequence[Term]
    modality: Sequence[Term]
    anatomy: Sequence[Term]


def label_schema(lists: Lists) -> dict[str, Any]:
    """JSON schema of a reply: one top-level name from each list, or "other"."""
    fields = {
        field: {"type": "string", "enum": [*top_names(field, terms), OTHER]} for field, terms in lists._asdict().items()
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def read_label(reply: str, lists: Lists) -> dict[str, str]:
    """One canonical name a field; "other" for a word that no list knows.

    Raises: ReplyError (no_json, truncated, …; bad_schema where a field is missing or no text).
    """
    found: Mapping[str, Any] = read_object(reply)
    names = {}
    for field, terms in lists._asdict().items():
        word = found.get(field)
        if not isinstance(word, str):
            raise ReplyError("bad_schema", f"{field} is {word!r}")
        names[field] = canonical_name(field, word, terms)
    return names


def top_names(field: str, terms: Sequence[Term]) -> list[str]:
    """The names that are no kind of another one: "ct", and not "ct angiography"."""
    return list(dict.fromkeys(top_name(field, term) for term in terms))


def top_name(field: str, term: Term) -> str:
    """The name that a term's tag `<field>:<name>` gives for it, else its own."""
    tags = (tag.partition(":") for tag in term.tags)
    return next((name for kind, _, name in tags if kind == field), term.name)


def canonical_name(field: str, word: str, terms: Sequence[Term]) -> str:
    """The top-level name of the term that `word` names or is an alias of, case-blind; else "other"."""
    wanted = word.strip().casefold()
    for term in terms:
        if wanted in (term.name.casefold(), *(alias.casefold() for alias in term.aliases)):
            return top_name(field, term)
    return OTHER

"""What readers of result files share: options in whatever form, and the options of a prompt."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvlsynther.errors import InputError
from medvlsynther.questions.entry import TEXT_LIMIT, clean, gold, read_options
from medvlsynther.records import Answer, Question

REPLY_LIMIT = 200_000
"""Characters of the longest reply that is graded: some of the published rules take quadratic time."""

_OPTION = re.compile(r"^[ \t]*\(?([A-J])[.):][ \t]+(?=\S)", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*(?:options|choices)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_END = re.compile(r"<\||<end_of_turn>|\n[ \t]*\n")


@dataclass(frozen=True)
class Place:
    """Where a row stands."""

    file: Path
    """The file; its name tells the data set in some harnesses."""
    number: int
    """Row, from 0."""
    model: str
    """What its model is called."""


@dataclass(frozen=True)
class Result:
    """One question and the replies to it."""

    question: Question
    answers: tuple[Answer, ...]


def result(
    place: Place,
    *,
    dataset: str,
    number: object,
    question: str,
    options: tuple[str, ...],
    label: str,
    answer: str,
    replies: Iterable[tuple[str, str]],
) -> Result:
    """A row's question with its replies and how each ended; a question without one was not asked, and is wrong.

    Raises: InputError (no_options, gold_outside_options, gold_several, gold_held_back, …).
    """
    key = gold(options, clean(answer), label.strip())
    if key.faults or key.letter is None:
        raise InputError(key.faults[0] if key.faults else "no_options", f"key {label or answer!r}"[:200])
    dataset = clean(dataset) or place.file.stem
    named = f"{dataset}/{clean(str(number)) if isinstance(number, (str, int)) else f'row {place.number + 1}'}"
    asked = Question(
        question_id=named,
        dataset=dataset,
        index=place.number,
        question=clean(question),
        options=key.options,
        answer=key.letter,
        split="test",
    )
    lost = Answer(question_id=named, dataset=dataset, model=place.model, failure="no_reply", finish="error")
    answers = tuple(_answered(lost, rollout, text, finish) for rollout, (text, finish) in enumerate(replies))
    return Result(asked, answers or (lost,))


def _answered(lost: Answer, rollout: int, text: str, finish: str) -> Answer:
    if len(text) > REPLY_LIMIT:
        return lost.model_copy(update={"rollout": rollout, "failure": "reply_too_long"})
    text = text.encode("utf-8", "replace").decode()
    return lost.model_copy(update={"rollout": rollout, "text": text, "finish": finish, "failure": None})


def text_of(row: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that holds text or a number; "" where none does."""
    for name in names:
        value = row.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return str(value)
    return ""


def options_of(row: Mapping[str, Any], prompt: str) -> tuple[str, ...]:
    """Options from a field, from columns A, B, …, or else from the lines of the prompt.

    Raises: InputError (options_unreadable, option_letters, option_empty).
    """
    if row.get("options"):
        return read_options(row["options"])
    columns = {letter: row[letter] for letter in "ABCDEFGHIJ" if row.get(letter) not in (None, "")}
    return read_options(columns) if columns else options_in(prompt)


def options_in(prompt: str) -> tuple[str, ...]:
    """The options that a prompt lists, one a line, letters in order from A; none where it lists none."""
    prompt = prompt[-TEXT_LIMIT:]
    headings = list(_HEADING.finditer(prompt))
    text = prompt[headings[-1].end() :] if headings else prompt
    found = list(_OPTION.finditer(text))
    starts = [place for place, match in enumerate(found) if match[1] == "A"]
    run = found[starts[-1] :] if starts else []
    options: list[str] = []
    for place, match in enumerate(run):
        if match[1] != "ABCDEFGHIJ"[place]:
            break
        end = run[place + 1].start() if place + 1 < len(run) else len(text)
        options.append(_END.split(text[match.end() : end])[0].strip())
    return tuple(options)


def texts_in(value: object, depth: int = 3) -> list[str]:
    """The texts of a list, or of lists in a list; a text alone is one. Nothing lies deeper than `depth` lists."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence) and depth:
        return [text for part in value for text in texts_in(part, depth - 1)]
    return []

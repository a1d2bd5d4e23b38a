"""The reward of reinforcement learning, one function for verl and TRL, on the grader that evaluation uses.

A reply earns 1 for the right answer in the right format. The grader never guesses: an answer that names several options
or none earns nothing. What each reply earned comes apart as numbers under `KEYS`, the same for every reply, because
verl takes the names from the first one. Nothing that a model or a row holds makes it raise: a raise would end the run.

verl loads this file by its path, in an environment in which the package need only be importable.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from typing import Any

from medvlsynther.rules.grading import read_choice
from medvlsynther.rules.released import released_infer, released_reward

RULES = ("default", "released")
"""How replies are graded: by `rules.grading`, or as published."""

KEYS = ("score", "format", "accuracy", "parsed", "collapsed", "overlong")
"""The parts of every score. None of them bears a name that verl keeps for itself, such as "reward"."""

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_FORMAT = re.compile(r"<think>(.*?)</think>\s*<answer>.*?</answer>", re.DOTALL)
_WORD = re.compile(r"\w+")
_LETTER = re.compile(r"[A-J]")
_LARGEST = 10**9


@dataclass(frozen=True)
class Settings:
    """How replies are paid. All of it reaches `compute_score` as keyword arguments; what is not a number is ignored."""

    rule: str = "default"
    """One of `RULES`; "released" pays as published and knows no other setting."""
    format_share: float = 0.0
    """Share of the score that the format earns by itself, 0..1."""
    soft_chars: int = 0
    """Characters beyond which a reply begins to cost; see `hard_chars`."""
    hard_chars: int = 0
    """Characters at which a reply costs the whole `length_penalty`; 0 for no limit."""
    length_penalty: float = 1.0
    """What a reply of `hard_chars` loses."""
    least_thought_words: int = 0
    """Different words that a thought must hold, option letters aside, or its answer earns nothing; 0 for no guard."""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Settings":
        """The settings among keyword arguments of any kind."""
        return cls(**cls.given(given))

    @classmethod
    def given(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """What of keyword arguments can be taken as settings."""
        return {field.name: given[field.name] for field in fields(cls) if _fits(given.get(field.name), field.default)}


def _fits(value: object, default: object) -> bool:
    if isinstance(default, str):
        return value in RULES
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


@dataclass(frozen=True)
class _Key:
    """What a row says about the right answer."""

    letter: str
    """Letter of the key; "" where the row names none."""
    text: str
    """Text of the key."""
    options: Mapping[str, str]
    """Letter to text; empty where the row has none."""


def compute_score(
    data_source: object,  # noqa: ARG001 - verl passes it by name
    solution_str: object,
    ground_truth: object,
    extra_info: object = None,
    **kwargs: Any,
) -> dict[str, float]:
    """What a reply earns: a number for each of `KEYS`.

    `extra_info` holds `options` (a mapping, or JSON of one), `answer_label` and `answer`, as `export.verl` writes them;
    without options the reply has to give `ground_truth` itself, or its letter. `kwargs` may hold the fields of
    `Settings`; what else verl passes, and `data_source`, change nothing.

    `score` is `1 - format_share` for a right answer in the right format and `format_share` for the format, less
    `length_penalty` times `overlong`. `format`, `accuracy`, `parsed` (one option was chosen) and `collapsed` (the
    thought is too thin) are 0 or 1; `overlong` grows from 0 to 1 between `soft_chars` and `hard_chars`.

    Source: verl's interface for rewards, the same from the published pin 54b2677 to 0.9.1; the penalty for length is
    DAPO's (arXiv 2503.14476, soft overlong punishment), in characters.
    """
    reply = solution_str if isinstance(solution_str, str) else ""
    row = extra_info if isinstance(extra_info, Mapping) else {}
    return _score(reply, _key(row, ground_truth), Settings.read(kwargs))


def _score(reply: str, key: _Key, settings: Settings) -> dict[str, float]:
    if settings.rule == "released":
        paid = released_reward(reply, key.letter, key.text)
        return _parts(paid.reward, paid.format, paid.reward, paid.reward)
    thought = _thought(reply)
    formed, collapsed = thought is not None, _collapsed(thought, settings)
    chosen, right = _graded(reply, key)
    earned = formed and right and not collapsed
    overlong = _overlong(len(reply), settings)
    share = min(max(settings.format_share, 0.0), 1.0)
    score = (1.0 - share) * earned + share * (formed and not collapsed) - settings.length_penalty * overlong
    return _parts(score, formed, right, chosen, collapsed, overlong)


def _parts(*values: float) -> dict[str, float]:
    padded = (*values, *repeat(0.0, len(KEYS) - len(values)))
    return {name: float(value) for name, value in zip(KEYS, padded, strict=True)}


def _thought(reply: str) -> str | None:
    """The thought of a reply that is a thought and an answer from end to end, each tag once; else None."""
    text = reply.strip()
    if any(text.count(tag) != 1 for tag in _TAGS):
        return None
    whole = _FORMAT.fullmatch(text)
    return whole[1] if whole else None


def _collapsed(thought: str | None, settings: Settings) -> bool:
    if thought is None or settings.least_thought_words <= 0:
        return False
    words = {word for word in _WORD.findall(thought) if not _LETTER.fullmatch(word)}
    return len({word.casefold() for word in words}) < settings.least_thought_words


def _overlong(chars: int, settings: Settings) -> float:
    if settings.hard_chars <= 0:
        return 0.0
    width = max(settings.hard_chars - settings.soft_chars, 1)
    return min(max((chars - settings.soft_chars) / width, 0.0), 1.0)


def _graded(reply: str, key: _Key) -> tuple[bool, bool]:
    """Whether a reply chooses one option, and whether it is the key."""
    if key.options:
        choice = read_choice(reply, key.options)
        return choice.letter is not None, choice.letter == key.letter
    said = released_infer(reply, key.letter or key.text, key.text)
    return bool(said.text), said.correct and bool(key.text)


def _key(row: Mapping[Any, Any], ground_truth: object) -> _Key:
    label, answer = row.get("answer_label"), row.get("answer")
    options = _options(row.get("options"))
    text = answer if isinstance(answer, str) else ground_truth if isinstance(ground_truth, str) else ""
    letter = label.strip().upper() if isinstance(label, str) else ""
    if options and letter not in options:
        wanted = text.strip().casefold()
        letter = next((each for each, said in options.items() if said.strip().casefold() == wanted), "")
        letter = letter or (text.strip().upper() if text.strip().upper() in options else "")
    return _Key(letter, text, options if letter else {})


def _options(given: object) -> dict[str, str]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(given, Mapping):
        return {}
    texts = {key: text for key, text in given.items() if isinstance(key, str) and isinstance(text, str)}
    return {key: text for key, text in texts.items() if _LETTER.fullmatch(key)}


def for_trl(**settings: Any) -> Callable[..., list[float]]:
    """The reward as TRL calls it, under these settings (the fields of `Settings`)."""

    def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
        """What each completion earns; the other parts go to `log_metric`, as means, where the trainer gives one."""
        rows = [_row(columns, number) for number in range(len(completions))]
        parts = [
            compute_score("", _content(completion), row.get("answer"), row, **settings)
            for completion, row in zip(completions, rows, strict=True)
        ]
        log = columns.get("log_metric")
        if callable(log) and parts:
            for name in KEYS[1:]:
                log(name, math.fsum(part[name] for part in parts) / len(parts))
        return [part["score"] for part in parts]

    return reward


def trl_reward(completions: Sequence[Any], **columns: Any) -> list[float]:
    """The reward as TRL calls it, with no setting changed; columns as `export.trl` writes them."""
    return _plain(completions, **columns)


_plain = for_trl()
_COLUMNS = ("options", "answer_label", "answer")


def _row(columns: Mapping[str, Any], number: int) -> dict[str, Any]:
    held = {name: columns.get(name) for name in _COLUMNS}
    return {name: v[number] for name, v in held.items() if isinstance(v, list | tuple) and number < len(v)}


def _content(completion: object) -> object:
    """The text of a completion: a string, or the last message of a conversation, whose content may be in parts."""
    if isinstance(completion, list | tuple) and completion:
        completion = completion[-1]
    if isinstance(completion, Mapping):
        completion = completion.get("content")
    if isinstance(completion, list | tuple):
        said = [part.get("text") for part in completion if isinstance(part, Mapping)]
        return "".join(text for text in said if isinstance(text, str))
    return completion

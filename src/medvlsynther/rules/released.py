"""How the published scripts read and grade, value for value: to compare with published numbers, never as a default.

Their defects are kept on purpose: the first `{` to the last `}`, cues searched through thoughts, text compared exactly,
unparsed texts that vote.

Source: UCSC-VLAA/MedVLSynther 9df6f3b (eval, synthesis) and UCSC-VLAA/MedVLThinker a3163b1 (train/my_reward.py).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medvlsynther.records import Record

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_ANSWER_ANY_CASE = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_ANSWER_ONE_LINE = re.compile(r"<answer>(.*?)</answer>")
_THOUGHT_THEN_ANSWER = re.compile(r"<think>.*?</think>\s*<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_OPENS, _CLOSES, _TURNS = "<think>", "</answer>", re.compile(r"</think>\s*<answer>")
_FIRST_LINE = re.compile(r"\s*([^\n\r]+)")
_CUES = tuple(re.compile(rf"{cue}\s*(.*)\s*", re.IGNORECASE) for cue in ("answer:", "answer is:", "answer is", "is:"))
_TAGS = re.compile(r"</?(?:think|answer)>")

_GLM_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_GLM_BOX = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL | re.IGNORECASE)
_GLM_CUES = tuple(
    re.compile(cue, re.DOTALL | re.IGNORECASE)
    for cue in (
        r"<answer>\s*([A-E])(?:\s*[.)]\s*)?.*?</answer>",
        r"\banswer\s*(?:should\s*be|is|:|：)\s*([A-E])\b",
        r"\b(?:final|correct)\s+answer\s*(?:is|:|：)\s*([A-E])\b",
        r"\btherefore[,，]?\s*the\s*answer\s*(?:is|:|：)?\s*([A-E])\b",
        r"\boption\s*([A-E])\b",
        r"(?:answer|final|correct)[^A-E]{0,50}\b([A-E])(?:\s*[.)])\b",
    )
)
_GLM_LETTER = re.compile(r"\b([A-E])\b")
_GLM_WINDOW = 200


class Regraded(Record):
    """What the published regrading makes of a reply."""

    extracted: str
    """The text taken for the answer."""
    converted: str
    """Its letter, or the text again where it equals no option."""
    letter: str | None
    """Its letter; None where it equals no option."""
    correct: bool
    """Equal to the key, by letter or text."""


class Predicted(Record):
    """What the published inference scripts make of a reply: no letter, only a text."""

    text: str
    """The text taken for the answer."""
    correct: bool
    """Equal to the key, by letter or text."""


class Reward(Record):
    """The published RL reward."""

    format: float
    """1.0 where the reply is a thought and an answer in tags from end to end, else 0.0."""
    reward: float
    """1.0 for a right answer in the right format, else 0.0."""


class Rollouts(Record):
    """Several replies to one question, as published."""

    predictions: tuple[str, ...]
    """Letter or unparsed text of each reply."""
    correct: tuple[bool, ...]
    """Whether each is right."""
    majority: str
    """The commonest prediction, the first seen among equals; unparsed texts vote too."""
    majority_correct: bool
    """The majority is the key's letter."""

    @property
    def num_correct(self) -> int:
        """Right replies."""
        return sum(self.correct)

    @property
    def average(self) -> float:
        """Share of right replies."""
        return self.num_correct / len(self.correct)

    @property
    def passed(self) -> bool:
        """Pass@n: at least one right reply."""
        return self.num_correct > 0


def released_object(reply: str) -> dict[str, Any] | None:
    """What the published generator's parser finds, or None; non-finite numbers pass, strings may change."""
    tagged = _THOUGHT_THEN_ANSWER.search(reply) or _ANSWER_ANY_CASE.search(reply)
    text = (tagged[1] if tagged else reply).strip()
    if text.startswith("```"):
        text = text[3:].partition("```")[0]
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end <= start:
        return None
    text = text[start : end + 1]
    straight = text.replace("“", '"').replace("”", '"').replace("’", "'")
    for attempt in (text, re.sub(r",\s*]", "]", re.sub(r",\s*}", "}", straight))):
        try:
            value: dict[str, Any] = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        return value
    return None


def released_extract(reply: str) -> str:
    """The text that regrading takes for the answer: last tag's first line, else what follows the last cue, else all."""
    tagged = _ANSWER.findall(_closed(reply, "</answer>"))
    if tagged:
        text = tagged[-1].strip()
        line = _FIRST_LINE.match(text)
        text = line[1].strip() if line else text
    else:
        text = _after_cue(reply)
    return _TAGS.sub("", text).strip()


def _closed(text: str, closing: str) -> str:
    """All up to the last closing tag, in any case: what lies behind it is in no pair, and looking costs its square."""
    ends = [found.end() for found in re.finditer(re.escape(closing), text, re.IGNORECASE)]
    return text[: ends[-1]] if ends else ""


def _after_cue(reply: str) -> str:
    for cue in _CUES:
        found = cue.findall(reply)
        if found:
            return str(found[-1]).strip()
    return reply.strip()


def _equals(prediction: str, text: str, letter: str) -> bool:
    said = prediction.strip().lower()
    return said in (f"{letter}. {text}".strip().lower(), letter.strip().lower(), text.strip().lower())


def released_regrade(reply: str, options: Mapping[str, str], answer: str, answer_text: str | None = None) -> Regraded:
    """Regrading, the source of the published numbers, against the key's letter `answer` and its text."""
    return _regraded(released_extract(reply), options, answer, answer_text, loose=False)


def released_llava(reply: str, options: Mapping[str, str], answer: str, answer_text: str | None = None) -> Regraded:
    """Regrading with the rule for LLaVA-Med: an option counts wherever its text occurs, "no" in "diagnosis" too."""
    return _regraded(released_extract(reply), options, answer, answer_text, loose=True)


def _regraded(said: str, options: Mapping[str, str], answer: str, answer_text: str | None, *, loose: bool) -> Regraded:
    def matches(letter: str, text: str) -> bool:
        return (loose and text.lower() in said.lower()) or _equals(said, text, letter)

    letter = next((letter for letter, text in options.items() if matches(letter, text)), None)
    key = options[answer] if answer_text is None else answer_text
    return Regraded(
        extracted=said, converted=said if letter is None else letter, letter=letter, correct=matches(answer, key)
    )  # fmt: skip


def released_infer(reply: str, answer: str, answer_text: str) -> Predicted:
    """Grading at inference time: the first tag's content, else the whole reply, compared exactly."""
    tagged = _ANSWER.search(_closed(reply.strip(), "</answer>"))
    text = (tagged[1] if tagged else reply).strip()
    return Predicted(text=text, correct=_equals(text, answer_text, answer))


def released_glm(reply: str, answer: str, answer_text: str) -> Predicted:
    """Grading of the GLM baseline: a loose cascade that ends with the last lone A to E of the last 200 characters."""
    text = reply.strip()
    thoughts = _closed(text, "</think>")
    text = _GLM_THOUGHT.sub(" ", thoughts) + text[len(thoughts) :]
    box = _GLM_BOX.search(_closed(text, "<|end_of_box|>"))
    said = _glm_letter(" ".join((box[1] if box else text).split()))
    return Predicted(text=said, correct=_equals(said, answer_text, answer))


def _glm_letter(text: str) -> str:
    for place, cue in enumerate(_GLM_CUES):
        match = cue.search(text if place else _closed(text, "</answer>"))
        if match:
            return match[1].upper()
    letters = _GLM_LETTER.findall(text[-_GLM_WINDOW:])
    return letters[-1] if letters else text


def released_reward(solution: str, answer: str, answer_text: str) -> Reward:
    """The RL reward: the format from end to end, then the first tag that stands on one line, compared exactly."""
    if not _formed(solution):
        return Reward(format=0.0, reward=0.0)
    tagged = _ANSWER_ONE_LINE.search(solution)
    right = tagged is not None and _equals(tagged[1], answer_text, answer)
    return Reward(format=1.0, reward=float(right))


def _formed(solution: str) -> bool:
    """Whether the published pattern, a thought and an answer in tags, matches from end to end; in linear time."""
    turn = _TURNS.search(solution, len(_OPENS))
    ends = solution.startswith(_OPENS) and solution.endswith(_CLOSES)
    return ends and turn is not None and turn.end() <= len(solution) - len(_CLOSES)


def released_rollouts(
    replies: Sequence[str], options: Mapping[str, str], answer: str, answer_text: str | None = None
) -> Rollouts:
    """Several replies to one question, regraded; at least one reply."""
    graded = [released_regrade(reply, options, answer, answer_text) for reply in replies]
    majority = Counter(each.converted for each in graded).most_common(1)[0][0]
    return Rollouts(
        predictions=tuple(each.converted for each in graded),
        correct=tuple(each.correct for each in graded),
        majority=majority,
        majority_correct=majority == answer,
    )


class Tally(Record):
    """One question's rollouts, as the published metrics see them."""

    dataset: str
    """Name of the data set."""
    rollouts: int
    """Replies."""
    correct: int
    """Right replies."""


class Metrics(Record):
    """Accuracy per data set, as published."""

    accuracy: dict[str, float]
    """Mean share of right replies per data set, 0..1, names sorted."""
    passed: dict[str, float]
    """Share of questions with at least one right reply."""
    questions: dict[str, int]
    """Questions per data set."""
    rollouts: int
    """Replies in all."""
    correct: int
    """Right replies in all."""
    overall: float
    """Unweighted mean over the data sets present, in percent."""


def released_metrics(tallies: Iterable[Tally]) -> Metrics:
    """The published tables' numbers; a data set that is missing is not missed. At least one tally."""
    by_set: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_set.setdefault(tally.dataset, []).append(tally)
    names = sorted(by_set)
    shares = {name: [tally.correct / tally.rollouts for tally in by_set[name]] for name in names}
    accuracy = {name: _mean(shares[name]) for name in names}
    return Metrics(
        accuracy=accuracy,
        passed={name: _mean([float(tally.correct > 0) for tally in by_set[name]]) for name in names},
        questions={name: len(by_set[name]) for name in names},
        rollouts=sum(tally.rollouts for name in names for tally in by_set[name]),
        correct=sum(tally.correct for name in names for tally in by_set[name]),
        overall=sum(100 * value for value in accuracy.values()) / len(accuracy),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)

"""A free-text reply taken apart: what stands in answer tags, what outside, and what was only thought.

Models write `<answer>`, `\\boxed{}`, GLM's box tokens, forget to close tags or write the closing one alone. What is
inside a closed thought block is not an answer unless nothing else is.
"""

import re
from dataclasses import dataclass, field

from medvlsynther.rules._words import plain

LONGEST = 100_000
"""Characters of a reply that are looked at, from its end: an answer stands there."""

_THINK = r"think|thinking|thoughts?|reasoning|reason|analysis|reflection|scratchpad"
_ANSWER = r"answer|ans|final[_ ]?answer|final|solution|result|output|response"
_TAG = re.compile(rf"[<◁\[]\s{{0,3}}(/?)\s{{0,3}}(?:({_THINK})|({_ANSWER}))\s{{0,3}}[>▷\]]", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SPECIAL = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|<(?:eos|bos|pad|end_of_turn)>|\[/?(?:INST|EOS)\]", re.IGNORECASE)
_BREAK = re.compile(r"</?(?:br|p|div|li|ul|ol|h\d|pre)\b[^<>]*>", re.IGNORECASE)
_INLINE = re.compile(r"</?(?:b|i|u|em|strong|span|code|center|font|mark)\b[^<>]*>", re.IGNORECASE)
_LATEX_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"\*+|`+|\$+|__+|~~+|^[ \t]*(?:#+|>)[ \t]*", re.MULTILINE)
_PLACEHOLDER = re.compile(
    r"\W*(?:(?:your|the|my)\s+)?(?:final\s+)?(?:answer|option|choice|letter)?(?:\s+letter)?(?:\s+(?:goes\s+)?here)?\W*",
    re.IGNORECASE,
)
_SHORT = 60
_SENTENCE_END = re.compile(r"[.!?。](?=\s)|\n|</?answer>", re.IGNORECASE)


@dataclass(slots=True)
class Reply:
    """The parts of a reply, marks and markup removed."""

    answers: list[str] = field(default_factory=list)
    """Contents of answer tags outside closed thoughts, in order; empty ones and placeholders left out."""
    outside: str = ""
    """Text that is neither thought nor in an answer tag."""
    tail: str = ""
    """Text outside after the last answer tag."""
    drafts: list[str] = field(default_factory=list)
    """Contents of answer tags inside closed thoughts."""
    thought: str = ""
    """Text inside thoughts."""
    cut: bool = False
    """True where a thought or an answer tag was opened and nothing followed."""


def take_apart(text: str) -> Reply:
    """The parts of a reply; of a very long one, of its last `LONGEST` characters."""
    text = plain(text[-LONGEST:]).replace("<|begin_of_box|>", "<answer>").replace("<|end_of_box|>", "</answer>")
    text = _BOX.sub(r"<answer>\1</answer>", text)
    text = _SPECIAL.sub("", text)
    reply = Reply()
    tags = list(_TAG.finditer(text))
    thinking = _begins_in_thought(tags)
    inside = False
    at = 0
    for tag in tags:
        closing, is_thought = bool(tag[1]), bool(tag[2])
        orphan = closing and not is_thought and not inside
        _put(reply, text[at : tag.start()], inside or orphan, thinking)
        at = tag.end()
        inside = not is_thought and not closing
        if is_thought:
            thinking = not closing
    _put(reply, text[at:], inside, thinking)
    _settle_open_thought(reply, thinking)
    reply.cut = thinking or (inside and not text[at:].strip())
    return reply


def _begins_in_thought(tags: list[re.Match[str]]) -> bool:
    """A closing thought tag without an opening one: the chat template had opened it."""
    first = next((tag for tag in tags if tag[2]), None)
    return first is not None and bool(first[1])


def _put(reply: Reply, text: str, answer: bool, thinking: bool) -> None:
    text = demark(text)
    if not answer:
        if thinking:
            reply.thought += text
        else:
            reply.outside += text
            reply.tail += text
    elif text.strip() and not (len(text) < _SHORT and _PLACEHOLDER.fullmatch(text)):
        (reply.drafts if thinking else reply.answers).append(text)
        reply.tail = "" if not thinking else reply.tail


def _settle_open_thought(reply: Reply, thinking: bool) -> None:
    """A tag in a thought that never ends is the answer: the model forgot to close the thought."""
    if thinking and reply.drafts and not reply.answers:
        reply.answers, reply.drafts = reply.drafts, []


def demark(text: str) -> str:
    """`text` without Markdown, LaTeX text commands and HTML formatting."""
    if "<" in text:
        text = _INLINE.sub("", _BREAK.sub("\n", text))
    if "\\" in text:
        text = _LATEX_TEXT.sub(r"\1", text)
    return _MARKUP.sub("", text)


def finished_part(text: str) -> str:
    """The part of a reply that was cut off by its length limit which surely is as the model meant it."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else ""

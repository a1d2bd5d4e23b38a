"""One reader and grader of answers, for explaining, evaluation, rewards and blind tests.

A reply gives a letter and the rule that found it, or no letter and a reason. The reader follows what a careful person
does: the last explicit commitment wins; text counts where it can mean one option only; a letter beats letter-like
option text; a letter and a text that disagree give nothing; thoughts count only where nothing else was said. It never
guesses.

Source: the policy of careful human reading; the published graders are in `released.py`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from medvlsynther.records import Record
from medvlsynther.rules._cues import LETTER_END, commitments
from medvlsynther.rules._options import SEVERAL, Options, options_of
from medvlsynther.rules._replies import finished_part, take_apart
from medvlsynther.rules._words import REFUSAL, tokens

Reason = Literal["none", "several", "refused", "out_of_range", "truncated"]


class Choice(Record):
    """What a reply chose."""

    letter: str | None = None
    """Letter of the chosen option; None where the reply makes no single choice."""
    rule: str = ""
    """Which rule found it: "letter", "text", "letter_and_text", "named", "part", "polarity", "ordinal", "judged"; with
    "cue:", "line:" or "thought:" before it where it stood after a cue, on a line of its own, or only in a thought."""
    reason: Reason | None = None
    """Why there is no letter."""


class Grade(Record):
    """A choice held against the key."""

    choice: Choice
    """What was read."""
    correct: bool
    """The chosen letter is the key's."""


_CLEAN = re.compile(r"\s*(?:<think>[^<]*</think>\s*)?<answer>\s*\(?([A-Ja-j])\)?\.?\s*</answer>\s*")
_OUTER = " \t\r\n\"'.,;:!?*_-=>→()[]{}<"
_PREFIX = (
    r"(?:(?:so|thus|therefore|hence|ok|okay|well|final|correct|overall|finally|most\s+likely|probably|likely|definitely|clearly"
    r"|certainly|in\s+(?:conclusion|summary|short)|i\s+(?:think|believe|guess|suspect)|i(?:'d|\s+would)\s+(?:say|guess))\b[,:]?\s+){0,2}"
    r"(?:(?:it's|it\s+is|that's|that\s+is)\s+)?(?:the\s+)?(?:(?:correct|right|best|final)\s+)?"
    r"(?:(?:option|choice|answer|ans|letter|alternative)(?:\b\s*+(?:is\b)?\s*+[:-]?\s*+|_|(?-i:(?=[A-J]\b))))?"
)
_PREFACE = re.compile(rf"^{_PREFIX}", re.IGNORECASE)
_BARE = re.compile(rf"[\s=•·>~-]*+{_PREFIX}[(\[{{\"'<_]*\s*([A-Za-z])\s*[)\]}}\"'>.,;:!?/_]*", re.IGNORECASE)
_LONE = re.compile(r"[a-z]")
_LEAD = re.compile(
    rf"{_PREFIX}(?:[(\[{{\"']\s*([A-Za-z])\s*[)\]}}\"']\s*[.,:;-]?|([A-Za-z])\s*(?:[).:,;\]](?![A-Za-z0-9])|(?=です|だ|である|입니다|이다|项|选项))"
    r"|([A-Z])(?:\s+[-=]+>?(?=\s)|\s*(?:=+>?|-+>)|\s*(?=\())|([A-Z])(?=[\s?!]|$))\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_ONE = rf"[(\[]?([A-J])[)\]]?{LETTER_END}"
_AND = r"\s*(?:,\s*(?:and|or)\b|,|/|\||&|\+|;|\band/or\b|\band\b|\bor\b|\bnor\b)\s*"
_LIST = re.compile(
    rf"(?:(?:both|either|neither|between)\s+)?{_ONE}(?:{_AND}{_ONE})+(?!\s+(?:is|was|seems|can|would|has|does|looks)\b)"
)
_LETTERS = re.compile(r"(?<![\w'])([A-J])(?![\w'])")
_TRAILING = re.compile(r"(.*\S)\s*[(\[]\s*(?:option\s+)?([A-Za-z])\s*[)\]]\W*", re.DOTALL | re.IGNORECASE)
_AFTER_LETTER = re.compile(
    r"(?:because|since|as|is|was|it is|best|which|due|for|given|based|fits|seems|would|matches|not|but|and not|rather"
    r"|with|over|instead)\b",
    re.IGNORECASE,
)
_DENYING = re.compile(
    r"(?:is|was|are|seems|looks|can|would|does)\s+(?:\w+\s+){0,2}?(?:not|incorrect|wrong|unlikely|excluded|ruled|false|less)\b",
    re.IGNORECASE,
)
_BINOMIAL = re.compile(r"[A-Z]\.\s+(?!(?:because|since|as)\b)[a-z]")
_BECAUSE = re.compile(r"\b(?:because|since|as|while|whereas|although|though|given|due\s+to|which)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;\n]|,\s")
_SENTENCE = re.compile(r"(?<=[.!?。])(?<!(?<!\w)[A-Z]\.)\s+|\n+")
_ORDINAL = re.compile(
    r"(?:the\s+)?(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last)\s+(?:option|choice|answer|one)"
    r"(?:\s+is\s+(?:the\s+)?(?:correct|right|best)(?:\s+(?:one|answer|choice|option))?)?\W*",
    re.IGNORECASE,
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_JUDGED = re.compile(
    r"(?:^|(?<=[.;,!\n]\s)|(?<=\n))[^\S\n]*(?:[-*•]\s+)?\**(?i:option\s+|choice\s+)?[(\[]?([A-J])[)\]]?\**"
    r"(?=\s*[.):,–—-]|\s+(?:is|seems|looks)\b|\s+\()"
)
_VERDICT = re.compile(
    r"[^\n]{0,200}?(?:[:,;(\s–—-]|\*\*)(?:(?P<against>(?:is\s+|seems\s+|looks\s+)?(?:not\s+(?:\w+\s+)?(?:correct|right|true|supported"
    r"|seen|present|likely|consistent|visible)|no|incorrect|wrong|false|(?:very\s+|less\s+|highly\s+)?unlikely|less\s+likely|excluded"
    r"|ruled\s+out|absent)|[✗✘❌✖]\ufe0f?)|(?P<for>(?:is\s+|seems\s+|looks\s+)?(?:yes|correct|right|true|most\s+likely|best(?:\s+fit)?"
    r"|the\s+(?:correct|best)\s+(?:answer|option|choice))|[✓✔✅☑]\ufe0f?))[\s.;,!)*]*(?:and\s+)?",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[^\n]{1,200}[,:;–—]\s+[(\[]?([A-J])[)\]]?[.!]?")
"""A sentence that leads up to a letter: "All things considered, B."."""
_LONGEST_NAMING = 400
_LONGEST_FRAME = 120
"""Characters that may stand around an option's text in a phrase that is an answer and nothing else."""
_HEDGE = re.compile(
    r"\b(?:might|may|could|possibly|perhaps|at first|initially|consider|if|whether|differential)\b|\?\s*$",
    re.IGNORECASE,
)


def read_choice(reply: str, options: Mapping[str, str], *, finish: str = "stop") -> Choice:
    """The option that a reply chooses among `options` (letter to text), or why it chooses none.

    `finish` is the server's word for how the reply ended; of one that was cut off ("length") only what was surely
    finished is read.
    """
    clean = _CLEAN.fullmatch(reply)
    if clean and clean[1].upper() in options:
        return Choice(letter=clean[1].upper(), rule="letter")
    known = options_of(options)
    if finish != "length":
        return _read(reply, known)
    found = _read(finished_part(reply), known)
    return Choice(reason="truncated") if found.reason == "none" else found


def grade(reply: str, options: Mapping[str, str], answer: str, *, finish: str = "stop") -> Grade:
    """The choice of a reply, and whether it is the letter `answer`."""
    choice = read_choice(reply, options, finish=finish)
    return Grade(choice=choice, correct=choice.letter == answer)


def _read(text: str, options: Options) -> Choice:
    reply = take_apart(text)
    if reply.answers:
        return _after(_commitment(reply.tail, options), _passage(reply.answers[-1], options, tagged=True))
    found = _passage(reply.outside, options, tagged=False)
    if found is None and reply.drafts:
        found = _within_thought(_passage(reply.drafts[-1], options, tagged=True))
    if found is None:
        found = _within_thought(_commitment(reply.thought, options))
    if found is not None:
        return found
    return Choice(reason="truncated" if reply.cut else "none")


def _after(later: Choice | None, tagged: Choice | None) -> Choice:
    """A commitment after the tag replaces it only where it names an option."""
    if later is not None and later.letter is not None:
        return later
    return tagged or Choice(reason="none")


def _within_thought(found: Choice | None) -> Choice | None:
    return None if found is None else found.model_copy(update={"rule": f"thought:{found.rule}" if found.rule else ""})


def _passage(text: str, options: Options, *, tagged: bool) -> Choice | None:
    """What a passage chooses: as a whole, by its last cue, by a line of its own, by the one option that it names."""
    text = text.strip()
    if not text:
        return None
    whole = _complete(text, options) if len(text) <= _LONGEST_NAMING else None
    found = whole or _commitment(text, options) or _judged(text, options) or _lines(text, options)
    if found is None:
        found = _lead(text, options) if tagged else _one_lead(text, options)
    return found or _loose(text, options, tagged=tagged)


def _one_lead(text: str, options: Options) -> Choice | None:
    """Untagged prose whose first or last line begins with a letter, where no other line begins with another one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = {at: lead for at, line in enumerate(lines) if not _BINOMIAL.match(line) and (lead := _lead(line, options))}
    leads = set(found.values())
    return leads.pop() if len(leads) == 1 and {0, len(lines) - 1} & set(found) else None


def _commitment(text: str, options: Options) -> Choice | None:
    for words in commitments(text):
        sentence = next(_sentences(words), "")
        found = (
            _strict(words, options)
            or _ordinal(sentence, options)
            or _named(_BECAUSE.split(sentence)[0], options)
            or _named(sentence, options)
        )
        if found is not None:
            return found.model_copy(update={"rule": f"cue:{found.rule}"}) if found.rule else found
    return None


def _judged(text: str, options: Options) -> Choice | None:
    """A list that judges options one by one, each with yes or no at its end: the one with yes."""
    starts = [match for match in _JUDGED.finditer(text) if match[1] in options.letters]
    if len({match[1] for match in starts}) < max(2, len(starts)):
        return None
    ends = [match.start() for match in starts[1:]] + [len(text)]
    verdicts = {match[1]: _VERDICT.fullmatch(text, match.end(), end) for match, end in zip(starts, ends, strict=True)}
    if not all(verdicts.values()):
        return None
    chosen = [letter for letter, verdict in verdicts.items() if verdict and verdict["for"]]
    return (
        Choice(letter=chosen[0], rule="judged") if len(chosen) == 1 else Choice(reason="several" if chosen else "none")
    )


def _lines(text: str, options: Options) -> Choice | None:
    """The last line that is an answer by itself; a list of the options in order is an echo of the question."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [choice for line in lines if (choice := _complete(line, options))]
    nothing_else = len(found) == len(lines)
    found = _without_echo(found)
    if nothing_else and len({choice.letter for choice in found}) > 1:
        return Choice(reason="several")
    if not found or found[-1].letter is None:
        return found[-1] if found else None
    return found[-1].model_copy(update={"rule": f"line:{found[-1].rule}"})


def _without_echo(found: list[Choice]) -> list[Choice]:
    run = 0
    while run < len(found) and found[run].letter == chr(ord("A") + run):
        run += 1
    if run < 2:
        return found
    return found[run:] or [Choice(reason="several")]


def _strict(text: str, options: Options) -> Choice | None:
    return _complete(text, options) or _lead(text, options) or _polar(text, options) or _refused(text)


def _complete(text: str, options: Options) -> Choice | None:
    """A phrase that is an answer and nothing else."""
    if len(text) > options.longest + _LONGEST_FRAME:
        return None
    bare = _BARE.fullmatch(text) if len(text) < _LONGEST_NAMING else None
    if bare or _LONE.fullmatch("".join(tokens(text))):
        return _letter(bare[1] if bare else tokens(text)[0], options)
    trimmed = text.strip(_OUTER)
    equal = options.equal(text) or options.equal(trimmed) or options.equal(_PREFACE.sub("", trimmed))
    if equal is not None:
        return _chosen(equal, "text")
    several = _LIST.fullmatch(trimmed)
    if several:
        return _listed(trimmed, options)
    return _letter_with_own_text(text, options) or _trailing_letter(text, options)


def _letter(letter: str, options: Options) -> Choice:
    if letter.upper() in options.letters:
        return Choice(letter=letter.upper(), rule="letter")
    equal = options.equal(letter)
    return _chosen(equal, "text") if equal else Choice(reason="out_of_range")


def _chosen(letter: str, rule: str) -> Choice:
    return Choice(reason="several") if letter == SEVERAL else Choice(letter=letter, rule=rule)


def _listed(text: str, options: Options) -> Choice:
    letters = set(_LETTERS.findall(text)) - ({"I"} - options.letters)
    return Choice(reason="several") if len(letters) > 1 else _letter(letters.pop(), options)


def _parted(text: str) -> tuple[str, str, bool] | None:
    """A leading letter, what follows it, and whether a mark stands between them."""
    match = _LEAD.match(text)
    if not match:
        return None
    letter = next(part for part in match.groups()[:4] if part)
    marked = match[4] is None
    if not marked and (letter.islower() or letter == "I"):
        return None
    return letter.upper(), match[5].strip(), marked


def _letter_with_own_text(text: str, options: Options) -> Choice | None:
    parted = _parted(text)
    if parted is None or parted[0] not in options.letters or not parted[1]:
        return None
    letter, rest, marked = parted
    equal = options.equal(rest) or options.equal(rest.strip(_OUTER))
    if equal == letter:
        return Choice(letter=letter, rule="letter_and_text")
    return Choice(reason="several") if marked and equal is not None and equal != SEVERAL else None


def _trailing_letter(text: str, options: Options) -> Choice | None:
    match = _TRAILING.fullmatch(text)
    if not match or match[2].upper() not in options.letters:
        return None
    letter = match[2].upper()
    named = options.equal(match[1]) or options.named(match[1])
    if named is None:
        return None
    return Choice(letter=letter, rule="letter_and_text") if named == letter else Choice(reason="several")


def _lead(text: str, options: Options) -> Choice | None:
    """A letter in front of an explanation, or a list of letters."""
    several = _LIST.match(text)
    if several:
        return _listed(several[0], options)
    parted = _parted(text)
    if parted is None:
        return None
    letter, rest, marked = parted
    if not marked and rest and not _AFTER_LETTER.match(rest):
        return None
    if _DENYING.match(rest):
        return None
    if letter not in options.letters:
        return Choice(reason="out_of_range") if options.named(text) is None else None
    clause = options.equal(_CLAUSE.split(rest, maxsplit=1)[0])
    if clause not in (None, letter, SEVERAL):
        return Choice(reason="several")
    return Choice(letter=letter, rule="letter")


def _polar(text: str, options: Options) -> Choice | None:
    letter = options.starts_with_polarity(text)
    if letter is None or REFUSAL.search(text):
        return None
    named = options.named(text)
    return _chosen(SEVERAL if named not in (None, letter) else letter, "polarity")


def _refused(text: str) -> Choice | None:
    return Choice(reason="refused") if REFUSAL.search(text) else None


def _named(text: str, options: Options) -> Choice | None:
    if len(text) > _LONGEST_NAMING:
        return None
    letter = options.named(text)
    return None if letter is None else _chosen(letter, "named")


def _sentences(text: str) -> Iterator[str]:
    return (sentence for sentence in _SENTENCE.split(text) if sentence.strip())


def _loose(text: str, options: Options, *, tagged: bool) -> Choice | None:
    """Prose without a cue: its last sentence, or the one option that all of it names."""
    sentences = [sentence.strip() for sentence in _sentences(text[-_LONGEST_NAMING:])]
    found = _sentence_alone(sentences, options) or (
        _polar(sentences[-1], options) if tagged or len(sentences) == 1 else None
    )
    if found is not None:
        return found
    if REFUSAL.search(text[-_LONGEST_NAMING:]):
        return Choice(reason="refused")
    if tagged:
        return _ordinal(text, options) or _named(text, options) or _part(text, options)
    if len(text) > _LONGEST_NAMING or _HEDGE.search(text):
        return None
    ended = _ENDED.fullmatch(sentences[-1]) if sentences else None
    if ended and len(set(_LETTERS.findall(text))) == 1 and ended[1] in options.letters:
        return _chosen(ended[1], "letter")
    return _named(text, options) or _ordinal(text, options) or (_part(text, options) if len(text) < 60 else None)


def _sentence_alone(sentences: list[str], options: Options) -> Choice | None:
    """The last sentence, or the first, where it is an answer by itself and the others name no other option."""
    if len(sentences) < 2:
        return None
    for sentence, others in ((sentences[-1], sentences[:-1]), (sentences[0], sentences[1:])):
        found = _complete(sentence, options)
        if found is not None and found.letter is not None and options.named(" ".join(others)) in (None, found.letter):
            return found
    return None


def _ordinal(text: str, options: Options) -> Choice | None:
    match = _ORDINAL.fullmatch(text)
    if not match:
        return None
    letters = sorted(options.letters)
    place = len(letters) - 1 if match[1].lower() == "last" else _ORDINALS.index(match[1].lower())
    return Choice(letter=letters[place], rule="ordinal") if place < len(letters) else Choice(reason="out_of_range")


def _part(text: str, options: Options) -> Choice | None:
    letter = options.part(text)
    return None if letter is None else Choice(letter=letter, rule="part")

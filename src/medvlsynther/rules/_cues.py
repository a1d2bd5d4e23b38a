"""Where a text commits itself: "the answer is", "I choose", "B is correct", in the languages that models fall into.

Each cue gives the place where it stands and the words that follow it; what these words mean is the reader's business.
"""

import re
from collections.abc import Iterator

LETTER_END = r"(?![A-Za-z0-9'+]|-\w)"
"""What may not follow a letter that stands for an option: it would be part of a word."""

_LETTER = rf"[(\[\"']?(?P<letter>[A-J])[)\]\"']?{LETTER_END}"
_ADVERBS = (
    r"(?:(?:most\s+likely|clearly|definitely|certainly|therefore|thus|then|probably|likely|obviously|indeed|best|option"
    r"|choice|letter)\s+)*"
)
_LINK = (
    r"[\"']?\s*(?:[:=>]|\.{2,}|[-=]+>|→|⇒|-(?=\s)|(?:is|are|was|be|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|remains"
    r"|appears\s+to\s+be|seems\s+to\s+be)\b\s*(?:[:=]|[-=]+>|→)?)\s*" + _ADVERBS
)
_NOUN = (
    r"(?<![^\W_])(?:answer|ans|choice|option|selection|conclusion|diagnosis|verdict|solution|response|key|pick|decision"
    r"|prediction|result|guess)(?![^\W_])(?:\s+(?:here|choice|option|letter))?"
)
_FOREIGN = (
    r"(?:答案|正确选项|正确答案)(?:应该是|应为|应选|是|为|选)?\s*:?|(?:故|应|应该|所以|因此)?选(?:择|项)?(?:是|为)?\s*:?(?=\s*[(\[]?[A-J])"
    r"|\b(?:respuesta|resposta|risposta|opción|opção|opzione)(?:\s+(?:correcta|correta|corretta|final|finale))?\s*(?::|\bes\b|\bé\b|\bè\b)"
    r"|\bréponse(?:\s+(?:correcte|finale))?\s*(?::|\best\b)|\b(?:antwort|lösung)\s*(?::|\bist\b|\blautet\b)"
    r"|\bantwoord\s*(?::|\bis\b)|\bodpowiedź\s*(?::|\bto\b)|\bответ\s*(?::|-|это)?|(?:答え|正解|解答)\s*(?:は|:)"
    r"|(?:정답|답)\s*(?:은|는|:)|الإجابة(?:\s+الصحيحة)?\s*(?::|هي)|\bcevap\s*:|đáp án\s*(?::|là)?"
)
_STATED = re.compile(_NOUN + _LINK, re.IGNORECASE)
_STATED_ABROAD = re.compile(_FOREIGN, re.IGNORECASE)
_HEADING = re.compile(
    r"^[^\S\n]*(?:the\s+|my\s+)?(?:final\s+|correct\s+)?(?:answer|choice|conclusion)[^\S\n]*+:?[^\S\n]*+\n\s*",
    re.IGNORECASE | re.MULTILINE,
)
_CHOSEN = re.compile(
    r"\b(?:choose|chose|choosing|pick|picked|select|selected|selecting|opt(?:ed)?\s+for|go(?:ing)?\s+with|went\s+with|settled?\s+on"
    r"|vote\s+for|answer\s+with)\s*:?\s+(?:for\s+)?",
    re.IGNORECASE,
)
_CHECKED = re.compile(
    r"(?:^|(?<=[.:!?,;])|(?<=[-.:!?,;*•]\s))[^\S\n]*"
    "[✅✔☑✓👉]\ufe0f?[^\\S\n]*(?=\\S)",
    re.MULTILINE,
)
_RIGHT = re.compile(
    rf"(?<![\w'-]){_LETTER}(?:[.):]?\s(?:(?!(?<![\w\'-])[A-J](?![\w\'-]))[^.\n✅]){{0,80}}?)?\s+(?:is|seems|appears|looks|must\s+be|would\s+be)\s+(?:to\s+be\s+)?(?:the\s+)?"
    r"(?:(?:only|best|most|more|single|one|clearly|definitely|therefore|thus|indeed|probably)\s+)*"
    r"(?:correct|right|best|answer|appropriate|accurate|true|likely(?=\s*(?:[.,;!\n]|$|answer|option|choice|diagnosis|correct|one)))\b"
)
_FITTING = re.compile(
    rf"(?<![\w'-]){_LETTER}(?:\s+(?:best\s+)?(?:fits|matches|applies|wins|remains)\b|[^\n✅❌]{{0,80}}[✅✔☑✓]|\s*<[-=]+)"
)
_LANDED = re.compile(
    r"(?i:\b(?:so|thus|hence|therefore|leaving|leaves|it's|that's|only)[^\S\n]*+,?[^\S\n]*+(?:it[^\S\n]+(?:is|must[^\S\n]+be)[^\S\n]+)?"
    r"|\b(?:is|be|are|was)[^\S\n]*+:?[^\S\n]*+|^[^\S\n]*+(?:[-=]+>|[→⇒])[^\S\n]*+)(?i:(?:option|choice|answer)\s+)?"
    rf"(?={_LETTER}[^\S\n]*+(?:[.!,;:)\n]|$))",
    re.MULTILINE,
)
_CORRECTED = re.compile(
    r"(?i:\b(?:wait|actually|correction|scratch\s+that|sorry|i\s+mean|on\s+second\s+thought)\b[,.:;]?\s{0,5}(?:no\b[,.]?\s{0,5})?"
    rf"|[,.?]\s{{1,5}}no,\s{{1,5}})(?i:it(?:'s|\s+is)\s{{1,5}})?(?={_LETTER}[^\S\n]*+(?:[.!\n]|$))"
)
# Each with words of which it needs one: a plain search is much cheaper than the pattern, and most replies lack most.
_CUES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (_STATED, (
        "ans", "choice", "option", "selection", "conclusion", "diagnosis", "verdict", "solution", "response", "key",
        "pick", "decision", "prediction", "result", "guess",
    )),
    (_STATED_ABROAD, (
        "答", "选", "正解", "답", "الإجابة", "ответ", "đáp", "respuesta", "resposta", "risposta", "opci", "opç",
        "opzione", "réponse", "antwo", "lösung", "odpowied", "cevap",
    )),
    (_HEADING, ("answer", "choice", "conclusion")),
    (_CHOSEN, (
        "choos", "chose", "pick", "select", "opt for", "opted", "go with", "going with", "went with", "settle", "vote",
        "answer with",
    )),
    (_CHECKED, ("✅", "✔", "☑", "✓", "👉")),
    (_LANDED, ("is", "be ", "are", "was", "so", "thus", "hence", "therefore", "leav", "'s", "only", ">", "→", "⇒")),
    (_CORRECTED, ("wait", "actually", "correction", "scratch", "sorry", "mean", "thought", "no,")),
)  # fmt: skip
_HYPOTHETICAL = re.compile(
    r"\b(?:if|whether|suppose|supposing|assuming|unless|why|thought|instead\s+of|explanation\s+(?:of|for))\b"
    r"(?:(?!\b(?:but|however|yet|nevertheless)\b)[^.\n;!?]){0,60}$"
    r"|\b(?:not|isn't|never)\s+(?:(?:the|a|my)\s+)?(?:\w+\s+)?$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:not|never|neither)\b(?:.*?\b(?:but|it's|it\s+is|rather|instead)\b:?\s+(.*))?", re.IGNORECASE | re.DOTALL
)
_WINDOW = 90
_MOST = 40
SPAN = 300
"""Characters that are read after a cue, at most; a commitment is short."""


def commitments(text: str) -> list[str]:
    """The words that follow each cue, the last cue first; a cue that already holds its letter gives that letter."""
    found = sorted(_cues(text), reverse=True)[:_MOST]
    stated = (words for at, words in found if not _HYPOTHETICAL.search(text[max(0, at - _WINDOW) : at]))
    return [_turn(words) for words in stated]


def _turn(words: str) -> str:
    """Of "not A but D", the part after the turn; of "not A" alone, nothing."""
    denied = _DENIED.match(words)
    return words if not denied else denied[1] or ""


def _cues(text: str) -> Iterator[tuple[int, str]]:
    lower = text.lower()
    for pattern, hints in _CUES:
        for match in pattern.finditer(text) if any(hint in lower for hint in hints) else ():
            yield match.start(), _line(text, match.end())
    for pattern in (_RIGHT, _FITTING):
        for match in pattern.finditer(text):
            yield match.start(), match["letter"]


def _line(text: str, start: int) -> str:
    end = text.find("\n", start, start + SPAN)
    return text[start : end if end >= 0 else start + SPAN].strip()

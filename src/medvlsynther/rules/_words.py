"""Levelling of words: what a careful reader does not see as a difference.

Case, Unicode form, markup, LaTeX wrappers, quotes, dashes, articles, unit spacing. Signs and numbers are kept apart:
"HER2+" is not "HER2-", and "0.25 mg" is not "25 mg".
"""

import html
import re
import unicodedata
from functools import lru_cache

INVISIBLE = dict.fromkeys(
    map(ord, "\ufe0e\ufe0f\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e")
)
"""Characters without a shape, which models copy along: removed."""

# Negative squared and negative circled letters have no compatibility form of their own.
_BOXED_LETTERS = {
    base + n: chr(ord("A") + n) for base in (0x1F130, 0x1F150, 0x1F170) for n in range(26)
}  # fmt: skip
_PUNCTUATION = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "'",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "﹣": "-",
    "。": ".", "、": ",", "【": "[", "】": "]", "「": '"', "」": '"', "《": '"', "》": '"',
    **{chr(code): letter for code, letter in _BOXED_LETTERS.items()},
})  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "σ": "sigma", "τ": "tau", "ω": "omega",
}  # fmt: skip
_NUMBERS = {
    word: str(n)
    for n, word in enumerate(
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 2
    )
}
_SHORT = 200
_ARTICLE = re.compile(r"^\W*(?:an?|the)\s+(?=[^\W_])", re.IGNORECASE)
_LATEX = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|rm|bf|boxed|fbox|left|right|,|;|!|\s)")
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(
    rf"[{_CJK}]|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+\d*(?:[+-](?![\w]))?|[+<>±%≤≥]|(?<![\w)])-(?=\d)"
)  # fmt: skip
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POSSESSIVE = re.compile(r"(?<=\w)'s?\b")

Tokens = tuple[str, ...]
"""A text as its words, numbers and signs, levelled."""


def plain(text: str) -> str:
    """`text` in one Unicode form, without invisible characters, typographic quotes and dashes; case and marks stay."""
    if text.isascii():
        return html.unescape(text) if "&" in text else text
    text = unicodedata.normalize("NFKC", text.translate(INVISIBLE).translate(_PUNCTUATION))
    return html.unescape(text.translate(_PUNCTUATION))


def tokens(text: str) -> Tokens:
    """The words of `text` that a reader compares: case-blind, without marks, markup and a leading article."""
    return _remembered(text) if len(text) <= _SHORT else _split(text)


def _split(text: str) -> Tokens:
    text = _ARTICLE.sub("", _LATEX.sub(" ", plain(text)))
    text = _POSSESSIVE.sub("", _THOUSANDS.sub("", text)).casefold()
    return tuple(_GREEK.get(token, token) for token in _TOKEN.findall(text))


_remembered = lru_cache(maxsize=4096)(_split)


@lru_cache(maxsize=4096)
def stem(token: str) -> str:
    """A word without plural ending and British digraphs; number words up to twelve as digits ("one" is a pronoun)."""
    token = _NUMBERS.get(token, token)
    if token[0].isdigit():
        return token.replace(",", ".")
    if len(token) < 4 or not token.isalpha():
        return token
    if token.endswith("s") and not token.endswith(("ss", "us", "is")):
        token = token[:-1]
    return token.replace("ae", "e").replace("oe", "e").replace("our", "or") if len(token) > 4 else token


def stems(words: Tokens) -> Tokens:
    """Each word by its `stem`."""
    return tuple(map(stem, words))


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(text.split())


def squeeze(text: str) -> str:
    """Letters and digits of `text` alone, case-blind: for titles and names of keys."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


REFUSAL = re.compile(
    r"\b(?:can(?:not|'t| not)|could(?: not|n't)|unable to|impossible to|not (?:possible|able) to|no way to)\s+"
    r"(?:\w+\s+){0,3}?(?:determin|answer|tell|say|provide|identif|diagnos|decide|assess|see|view|conclud|choose|select|make"
    r"|help|assist|create|generate|judge|know|give|be (?:determined|answered|sure|certain))"
    r"|\b(?:unsure|uncertain|unknown|undetermined|indeterminate|inconclusive|no (?:idea|answer)|not (?:sure|certain))\b"
    r"|\bdo(?: not|n't) (?:know|have (?:enough|access|sufficient))|\bas an ai\b|\bas a language model\b"
    r"|\binsufficient (?:information|evidence|data|context|detail)"
    r"|\b(?:not enough|no) (?:information|data|context|detail)|\bi(?:'m| am) sorry\b|\bn/?a\b"
    r"|\bnot (?:determinable|applicable|answerable)\b|\bconsult an?\b|无法|不能确定|不确定|抱歉",
    re.IGNORECASE,
)
"""Words with which models decline."""

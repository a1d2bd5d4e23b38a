"""The options of one question, ready to be recognised in a model's words.

Text chooses an option only when it can mean that option and no other: equal to it, naming it alone in a sentence, or
being the greater part of it. Everything else is left unread.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from medvlsynther.rules._words import Tokens, plain, stems, tokens, word_set

SEVERAL: Literal["several"] = "several"
"""Said of a text that could mean more than one option."""

_PARENTHESIS = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_YES = word_set("yes y yeah yep yup true correct sí si oui ja да 是 是的 对 有 はい 예")
_NO = word_set("no n nope nah false incorrect non nein нет 不是 否 不 没有 没 いいえ 아니요")
_POLAR = {**dict.fromkeys(_YES, "yes"), **dict.fromkeys(_NO, "no")}
_TRUTH = frozenset(("true", "false"))
_SAID = frozenset(("yes", "no", "是", "否", "不是"))
_SHORT_CLAUSE = 120
_LEADING_WORD = re.compile(r"\W*([^\W\d_]+)\s*([,.;:!-]|$)?\s*(\w*)")
_AFTER_NO_ANSWER = word_set(
    "image images caption answer idea way information context option options clear doubt figure"
)
_FILLER = word_set(
    "a an the of in on at is are was it this that these and or with for to by from as be i side region area structure"
    " one option choice answer"
)
_UNITS = word_set("mm cm m km ml l dl mg g kg µg ug mcg mmol hz mhz kv ma ms s min h year years day days percent")
_VAGUE = word_set("none all both either neither any other unknown normal")
_NEGATORS = word_set(
    "not no without than unlike exclude excludes excluded excluding excludes neither nor never versus vs instead isnt "
    "arent wasnt cannot cant doesnt rule rules ruled 不 非"
)
_VERBS = word_set("is are was were seems seem can could would does do did looks look")
_DENIALS = word_set("not unlikely wrong incorrect excluded ruled absent less")
_ORDERED = _NEGATORS | _FILLER | word_set("into over under before after above below via then more less between per")
_LABELLING = word_set(
    "stage grade type class phase group panel figure image level zone region lead label category vitamin hepatitis"
)


class Options:
    """Letter to text, with tables by which a text finds its letter."""

    def __init__(self, items: tuple[tuple[str, str], ...]) -> None:
        self.letters = frozenset(letter for letter, _ in items)
        self.longest = max((len(text) for _, text in items), default=0)
        self._full = {letter: tokens(text) for letter, text in items}
        short = {letter: [tokens(part) for part in _parts(text)] for letter, text in items}
        self._tables: tuple[dict[object, str], ...] = (
            _table((text.strip(), letter) for letter, text in items),
            _table((words, letter) for letter, words in self._full.items()),
            _table((stems(words), letter) for letter, words in self._full.items()),
            _table((stems(words), letter) for letter in self._full for words in short[letter]),
            _table(("".join(words), letter) for letter, words in self._full.items()),
            _table((_bag(stems(words)), letter) for letter, words in self._full.items()),
        )
        self._polar = _polarity(self._full)
        self._forms: dict[str, list[tuple[Tokens, str]]] = {}
        for letter, words in self._full.items():
            for form in {stems(words), *map(stems, short[letter])} - {()}:
                if not (len(form) == 1 and form[0] in _POLAR and form[0] not in _TRUTH):
                    self._forms.setdefault(form[0], []).append((form, letter))
        self._nested = {
            letter
            for letter, inner in self._full.items()
            for other, outer in self._full.items()
            if letter != other and inner != outer and _within(inner, outer)
        }

    def equal(self, text: str) -> str | None:
        """The letter of the option that `text` equals; `SEVERAL` where two options share it."""
        words = tokens(text)
        if not words:
            return None
        keys: tuple[object, ...] = (text.strip(), words, stems(words), stems(words), "".join(words), _bag(stems(words)))
        for table, key in zip(self._tables, keys, strict=True):
            if key in table:
                return table[key]
        return self._polar.get(_POLAR.get("".join(words), ""))

    def starts_with_polarity(self, text: str) -> str | None:
        """The letter meant by a sentence that begins with yes or no; `SEVERAL` where it names a third option too."""
        match = _LEADING_WORD.match(text)
        if not self._polar or not match or match[3].casefold() in _AFTER_NO_ANSWER:
            return None
        if not match[2] and len(text) > _SHORT_CLAUSE:
            return None
        words = tokens(text)
        if any(letter not in self._polar.values() for _, _, letter in self._hits(stems(words))):
            return SEVERAL
        said = {_POLAR[word] for word in words if word in _SAID}
        return self._polar.get(_POLAR.get(match[1].casefold(), "")) if len(said) < 2 else None

    def named(self, text: str) -> str | None:
        """The letter of the one option that `text` names without denying it; `SEVERAL` for two or more."""
        words = stems(tokens(text))
        hits = self._hits(words)
        letters = {
            letter
            for start, end, letter in hits
            if not _covered(start, end, hits)
            and not _denied(words, start, end)
            and self._stands(words, start, end, letter)
        }
        if len(letters) > 1:
            return SEVERAL
        return next(iter(letters), None)

    def _hits(self, words: Tokens) -> list[tuple[int, int, str]]:
        """Where an option's words stand: start, end, letter."""
        return [
            (start, start + len(form), letter)
            for start, word in enumerate(words)
            for form, letter in self._forms.get(word, ())
            if words[start : start + len(form)] == form
        ]

    def part(self, text: str) -> str | None:
        """The letter of the one option of which `text` is at least half, or the initials."""
        words = stems(tokens(text))
        content = [word for word in words if word not in _FILLER and word not in _POLAR and word not in _VAGUE]
        if not content or len(words) > 12:
            return None
        initials = words[0] if len(words) == 1 and text.strip().isupper() else ""
        found = {
            letter
            for letter, full in self._full.items()
            if _within(words, stems(full)) or (len(initials) > 1 and _initials(full) == initials)
        }
        if len(found) != 1:
            return None
        letter = found.pop()
        whole = [word for word in self._full[letter] if word not in _FILLER and word not in _UNITS]
        return letter if 2 * len(content) >= len(whole) or initials else None

    def _stands(self, words: Tokens, start: int, end: int, letter: str) -> bool:
        """False where a form is too short to be a name here: a lone letter, or the head of another option's text."""
        form = words[start:end]
        if len(form) == 1 and len(form[0]) == 1 and form[0].isascii() and form[0].isalpha():
            return start > 0 and words[start - 1] in _LABELLING
        if form[0] in _TRUTH:
            return start > 0 and words[start - 1] in _VERBS
        return letter not in self._nested or end == len(words) or words[end] in _FILLER or words[end] in _NEGATORS


@lru_cache(maxsize=1024)
def _options(items: tuple[tuple[str, str], ...]) -> Options:
    return Options(items)


def options_of(options: Mapping[str, str]) -> Options:
    """The options of a question, remembered between replies to it."""
    return _options(tuple(options.items()))


def _parts(text: str) -> Iterable[str]:
    """An option without its parentheses, and what stands in them."""
    inside = _PARENTHESIS.findall(plain(text))
    return (_PARENTHESIS.sub("", plain(text)), *inside) if inside else ()


def _table(pairs: Iterable[tuple[object, str]]) -> dict[object, str]:
    table: dict[object, str] = {}
    for key, letter in pairs:
        if key not in ("", ()):
            table[key] = letter if table.get(key, letter) == letter else SEVERAL
    return table


def _polarity(full: Mapping[str, Tokens]) -> dict[str, str]:
    """The letters of "yes" and "no", where the options hold exactly one of each."""
    found = _table((_POLAR.get("".join(words), ""), letter) for letter, words in full.items())
    return (
        {str(key): letter for key, letter in found.items()} if len(found) == 2 and SEVERAL not in found.values() else {}
    )


def _bag(words: Tokens) -> Tokens:
    """The words in any order ("upper right lobe"); () where their order may carry the meaning."""
    return tuple(sorted(words)) if len(words) > 1 and not _ORDERED.intersection(words) else ()


def _within(inner: Tokens, outer: Tokens) -> bool:
    size = len(inner)
    return 0 < size < len(outer) and any(outer[i : i + size] == inner for i in range(len(outer) - size + 1))


def _covered(start: int, end: int, hits: list[tuple[int, int, str]]) -> bool:
    """True where a longer name holds this one."""
    return any(s <= start and end <= e and e - s > end - start for s, e, _ in hits)


def _denied(words: Tokens, start: int, end: int) -> bool:
    before = words[max(0, start - 3) : start]
    if "but" in before:  # "not pneumonia but effusion" denies the first alone
        before = before[before.index("but") + 1 :]
    if any(word in _NEGATORS for word in before):
        return True
    return end < len(words) and words[end] in _VERBS and any(word in _DENIALS for word in words[end + 1 : end + 4])


def _initials(words: Tokens) -> str:
    return "".join(word[0] for word in words if word not in _FILLER)

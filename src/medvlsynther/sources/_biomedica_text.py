"""The in-text passages of a BIOMEDICA record, as its authors wrote them.

The published extraction left cross-reference tags in the passages, and wrote what follows each of them twice: once with
the tag and once more by itself. What stands between two tags is therefore said twice, then goes on.
"""

import html
import re
from collections.abc import Iterable, Iterator

from medvlsynther.rules.mentions import Hit, Passage, gather

LONGEST_PASSAGE = 50_000
"""Characters of a passage that are looked at."""

_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/?>")
_RID = re.compile(r"""\brid\s*=\s*["']([^"'<>]*)["']""")
_TWICE = re.compile(r"(,\s|;\s|\sand\s|\sor\s|–|-)\1")
_EMPTY = re.compile(r"\s?[(\[]\s*[)\]]")
_GRAM = 16
"""Letters that nobody writes twice in a row by chance."""


def same_image(key: str, image_id: str) -> bool:
    """Whether a key of the contexts means the image: it may carry a folder or the ending of its file."""
    name = key.rpartition("/")[2]
    return name == image_id or name.rpartition(".")[0] == image_id


def mentions_of(passages: Iterable[str], image_id: str) -> tuple[str, ...]:
    """The sentences of the passages about an image, with one sentence on each side; no sentence twice."""
    return gather(hit for text in passages for hit in _hits(text[:LONGEST_PASSAGE], image_id))


def _hits(text: str, image_id: str) -> Iterator[Hit]:
    """The places in a passage that refer to the image; all of it where no tag says which."""
    pieces, spans = _untagged(text)
    plain, offsets = _joined(pieces)
    passage = Passage(plain)
    own = [(offsets[first], offsets[last]) for first, last, rid in spans if _means(rid, image_id)]
    for start, end in own or [(0, len(plain))]:
        yield Hit(passage, start, end)


def _means(rid: str, image_id: str) -> bool:
    return any(same_image(part, image_id) for part in rid.split())


def _untagged(text: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """A passage in pieces without tags, and for each cross-reference its first piece, the one after it, its target."""
    pieces: list[str] = []
    spans: list[tuple[int, int, str]] = []
    place, opened, target, after_reference, tagged = 0, 0, "", False, False
    for tag in _TAG.finditer(text):
        if tag[2].lower() != "xref":
            continue
        piece = _plain(text[place : tag.start()])
        pieces.append(_once(piece) if after_reference else piece)
        place, tagged, after_reference = tag.end(), True, bool(tag[1])
        if tag[1]:
            spans.append((opened, len(pieces), target))
        else:
            rid = _RID.search(tag[3])
            opened, target = len(pieces), rid[1] if rid else ""
    piece = _plain(text[place:])
    pieces.append(_once(piece) if after_reference else piece if tagged else _undoubled(piece))
    return pieces, spans


def _joined(pieces: list[str]) -> tuple[str, list[int]]:
    """The pieces as one text with single blanks, and where each begins in it."""
    text, offsets = "", []
    for piece in pieces:
        offsets.append(len(text))
        squeezed = _squeezed(piece)
        text += squeezed.lstrip() if not text or text.endswith(" ") else squeezed
    offsets.append(len(text))
    return text.rstrip(), offsets


def _squeezed(text: str) -> str:
    """A text with one blank where it has several."""
    words = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{words}{' ' * (bool(words) and text[-1:].isspace())}"


def _plain(text: str) -> str:
    """Text without the other tags and with its entities spelled out."""
    if "<" in text:
        text = _TAG.sub("", text)
    return html.unescape(text) if "&" in text else text


def _once(text: str) -> str:
    """A text without the repeat that it begins with: "and  and 7" said twice is said once."""
    length = text.rfind(text[:1], 1, len(text) // 2 + 1)
    while length > 0:
        if text.startswith(text[:length], length):
            return text[length:]
        length = text.rfind(text[0], 1, length)
    return text


def _undoubled(text: str) -> str:
    """A passage whose tags are gone: repeats of some length, and short ones around lists of figures, are taken out."""
    words = text.split()
    if len(set(zip(words, words[1:], words[2:], strict=False))) < len(words) - 2:
        text = _without_repeats(text)
    return _EMPTY.sub("", _TWICE.sub(r"\1", text))


def _without_repeats(text: str) -> str:
    """A text in which nothing of some length stands twice in a row."""
    kept: list[str] = []
    last: dict[str, int] = {}
    start = place = 0
    while place + _GRAM <= len(text):
        gram = text[place : place + _GRAM]
        before = last.get(gram, -1)
        if before >= start and text.startswith(text[before:place], place):
            kept.append(text[start:place])
            start = place = place + place - before
            continue
        last[gram] = place
        place += 1
    return "".join((*kept, text[start:]))

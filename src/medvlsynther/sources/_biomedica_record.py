"""What is read of the JSON of a BIOMEDICA record, and what is told of it before it is parsed."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

import msgspec

from medvlsynther.errors import InputError
from medvlsynther.records import GivenLabel
from medvlsynther.sources._biomedica_text import same_image

WANTED: Mapping[str, str | None] = MappingProxyType({"clinical imaging": None, "microscopy": "light microscopy"})
"""Primary labels of records that are read, and the secondary label that they need; those without labels are read too.

Source: the published curation keeps the 23 secondary labels of Clinical Imaging, and light microscopy.
"""

_PRIMARY, _SECONDARY = (
    re.compile(rb'"image_%s_label"\s*:\s*(\[[^\[\]]{0,2000}\]|"[^"]{0,200}")' % name)
    for name in (b"primary", b"secondary")
)
_NO_CAPTION = "no caption found"


class _Shown(msgspec.Struct):
    """An image of the article."""

    image_id: str | None = None
    caption: str | None = None


class Record(msgspec.Struct):
    """What is read of a record's JSON; its full text, references and abstract are passed over."""

    image_cluster_id: str | int | None = None
    """The image file's stem."""
    image_file_name: str | None = None
    image_panel_type: str | None = None
    image_panel_subtype: str | None = None
    image_primary_label: list[str] | str | None = None
    image_secondary_label: list[str] | str | None = None
    image_set: list[_Shown] | None = None
    """All images of the article."""
    image_context: dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]] | None = None
    """Passages by image, for the whole article; those of the other images are not parsed."""
    article_accession_id: str | int | None = None
    article_title: str | None = None
    article_journal: str | None = None
    article_date: str | int | float | None = None
    """Seconds since 1970."""
    article_license: str | None = None

    def labels(self) -> Iterator[GivenLabel]:
        """All labels, each with the field that it comes from."""
        for name, value in (
            ("image_primary_label", self.image_primary_label),
            ("image_secondary_label", self.image_secondary_label),
            ("image_panel_type", self.image_panel_type),
            ("image_panel_subtype", self.image_panel_subtype),
        ):
            for label in (value,) if isinstance(value, str) else value or ():
                if known := said(label):
                    yield _given(known, name)

    def passages(self, image_id: str) -> Iterator[str]:
        """The passages about one image.

        Raises: InputError(record_malformed).
        """
        contexts = self.image_context or {}
        for context in contexts if isinstance(contexts, list) else (contexts,):
            for key, raw in context.items():
                if same_image(key, image_id):
                    yield from _texts(raw)

    def caption(self, image_id: str) -> str:
        """The caption of one image, "" where there is none."""
        found = (shown.caption for shown in self.image_set or () if shown.image_id == image_id)
        return plain_caption(next(found, None))

    def sharing(self, caption: str) -> list[str]:
        """The images of the article with this caption, in its order."""
        first = caption.split(" ", 1)[0]
        return [
            shown.image_id
            for shown in self.image_set or ()
            if shown.image_id
            and shown.caption
            and shown.caption.lstrip().startswith(first)
            and plain_caption(shown.caption) == caption
        ]


@lru_cache(maxsize=4096)
def _given(label: str, field: str) -> GivenLabel:
    return GivenLabel(name=label, source=f"biomedica.{field}")


_decode = msgspec.json.Decoder(Record).decode
_decode_texts = msgspec.json.Decoder(list[str] | str | None).decode
_decode_labels = msgspec.json.Decoder(list[str] | str).decode


def _texts(raw: msgspec.Raw) -> list[str]:
    try:
        texts = _decode_texts(raw)
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError("record_malformed", f"image_context: {error}") from None
    return [texts] if isinstance(texts, str) else texts or []


def said(text: object) -> str:
    """A field as text; the extraction writes "None" where it found nothing."""
    plain = "" if text is None else str(text).strip()
    return "" if plain == "None" else plain


def plain_caption(text: str | None) -> str:
    plain = said(text)
    return "" if plain.lower() == _NO_CAPTION else " ".join(plain.split())


def labelled_otherwise(raw: bytes, *, whole: bool) -> str | None:
    """The labels of a record that is not wanted, by a look at its JSON or the beginning of it.

    None where it is wanted or this does not tell. Quotes inside a JSON text are escaped, so that the patterns meet the
    fields and nothing else.
    """
    first, second = _PRIMARY.search(raw), _SECONDARY.search(raw)
    if first is None or (second is None and not whole):
        return None
    try:
        primary, secondary = _labels(first), _labels(second)
    except (msgspec.DecodeError, ValueError):
        return None
    wanted = not primary or any(label in WANTED and WANTED[label] in (None, *secondary) for label in primary)
    return None if wanted else ", ".join((*primary, *secondary))


def _labels(field: re.Match[bytes] | None) -> tuple[str, ...]:
    return _lower(field[1]) if field else ()


@lru_cache(maxsize=4096)
def _lower(raw: bytes) -> tuple[str, ...]:
    """The labels of one field in lower case."""
    labels = _decode_labels(raw)
    return tuple(label.strip().lower() for label in ([labels] if isinstance(labels, str) else labels))


def parse(raw: bytes) -> Record:
    try:
        return _decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as error:
        raise InputError("record_malformed", str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError("json_damaged", str(error)) from None


def year_of(date: str) -> int | None:
    """The year of a date in seconds since 1970, or written with the year first."""
    if written := re.match(r"(1[89]\d\d|20\d\d)(?:-|$)", date):
        return int(written[1])
    try:
        return datetime.fromtimestamp(float(date), UTC).year
    except (ValueError, OverflowError, OSError):
        return None

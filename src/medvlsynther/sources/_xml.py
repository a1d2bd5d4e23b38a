"""XML from strangers: read without network, DTD or entity expansion, within bounds.

libxml2 itself refuses more than 256 nested elements and texts of more than 10 MB, so nothing here has to.
"""

import re
from collections.abc import Iterator
from html.entities import html5

from lxml import etree

from medvlsynther.errors import InputError

LARGEST = 32 * 2**20
"""Bytes of one document; the longest articles of PubMed Central stay below a third of it."""
MOST_TAGS = 3_000_000
"""Start and end tags of one document: a small file can hold a tree that fills the memory."""

_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_LFS = b"version https://git-lfs.github.com/spec/"
_PREDEFINED = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_NAMED = re.compile(rb"<!\[CDATA\[.*?\]\]>|&([A-Za-z][A-Za-z0-9]*);", re.DOTALL)
_SUSPECT = re.compile(rb"&(?!#|amp;|lt;|gt;|quot;|apos;)[A-Za-z]")


def parse(data: bytes) -> etree._Element:
    """The root element of a document.

    Named entities that HTML knows (&nbsp;) become their characters whether or not a DTD declares them; any other
    named entity stays as it is written. Nothing is fetched and nothing is expanded.

    Raises: InputError with empty_file, lfs_pointer, xml_too_large, not_xml or xml_unreadable.
    """
    if not data.strip():
        raise InputError("empty_file")
    if data.startswith(_LFS):
        raise InputError("lfs_pointer", "a Git LFS pointer stands where the file should be")
    if len(data) > LARGEST or data.count(b"<") > MOST_TAGS:
        raise InputError("xml_too_large", f"{len(data)} bytes or more than {MOST_TAGS} tags")
    text = _without_entities(_as_utf8(data))
    if not text.lstrip().startswith(b"<"):
        raise InputError("not_xml", f"begins with {text[:20]!r}")
    parser = etree.XMLParser(
        load_dtd=False, no_network=True, resolve_entities=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError("xml_unreadable", str(error)) from None


def _as_utf8(data: bytes) -> bytes:
    """UTF-16 and UTF-32 documents as UTF-8, without the declaration that says otherwise."""
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if data.startswith(mark):
            text = data.decode(encoding, errors="replace")
            return re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1).encode()
    return data.removeprefix(b"\xef\xbb\xbf")


def _without_entities(data: bytes) -> bytes:
    return _NAMED.sub(_character, data) if _SUSPECT.search(data) else data


def _character(found: re.Match[bytes]) -> bytes:
    name = found[1]
    if name is None or name in _PREDEFINED:
        return found[0]
    known = html5.get(name.decode() + ";")
    return "".join(f"&#{ord(letter)};" for letter in known).encode() if known else b"&amp;" + name + b";"


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def named(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """All descendants of those names in document order, whatever their namespace."""
    return element.iterdescendants(*(f"{{*}}{name}" for name in names))


def children(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The children of those names, whatever their namespace."""
    return element.iterchildren(*(f"{{*}}{name}" for name in names))


def first(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first descendant of those names."""
    return None if element is None else next(named(element, *names), None)


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its local name, stripped; "" where it is absent."""
    plain = element.get(name)
    if plain is not None:
        return plain.strip()
    return next((str(text).strip() for key, text in element.attrib.items() if str(key).endswith("}" + name)), "")


def href(element: etree._Element) -> str:
    """The address that a graphic or a licence points at; "" where it has none."""
    return str(element.get(_XLINK_HREF) or attribute(element, "href")).strip()


def language(element: etree._Element) -> str:
    """The element's own language, e.g. "en"; "" where it states none."""
    return str(element.get(_LANG) or "")[:2].lower()

"""XML that wants to fetch, expand, nest or fill the memory."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import InputError
from medvlsynther.sources import _xml


def text(data: bytes) -> str:
    return "".join(map(str, _xml.parse(data).itertext()))


LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 20 if n else b"ha" * 500) for n in range(12))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<a>&nbsp;&eacute;&amp;&lt;&#65;</a>", "\xa0é&<A"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a>&ldquo;&unheardof;</a>', "“&unheardof;"),
        (b"<a><![CDATA[&nbsp;]]></a>", "&nbsp;"),
        (b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>', "&f;"),
        (b"<!DOCTYPE a [" + LAUGHS + b"]><a>&a11;</a>", "&a11;"),
        (b"<!DOCTYPE a [<!ENTITY % p \"<!ENTITY q 'boo'>\"> %p; %p;]><a>&q;</a>", "&q;"),
        (b"\xef\xbb\xbf<a>x<?pi y?><!-- z --></a>", "x"),
        ('<?xml version="1.0" encoding="utf-16"?><a>é&nbsp;</a>'.encode("utf-16"), "é\xa0"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1"), "é"),
    ],
)
def test_nothing_is_fetched_or_expanded_and_known_names_survive(data: bytes, expected: str) -> None:
    assert text(data) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b" \n", "empty_file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "lfs_pointer"),
        (b"%PDF-1.4", "not_xml"),
        (b"<a>", "xml_unreadable"),
        (b"<a>" * 5000 + b"</a>" * 5000, "xml_unreadable"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "xml_unreadable"),
        (b"<a>" + b"<b/>" * (_xml.MOST_TAGS + 1) + b"</a>", "xml_too_large"),
        (b"<a/>" + b" " * _xml.LARGEST, "xml_too_large"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        _xml.parse(data)
    assert caught.value.reason == reason


@given(st.binary(max_size=200) | st.text(alphabet="<>&;/a =\"'![]CDATA?-", max_size=80).map(str.encode))
def test_any_bytes_are_a_tree_or_a_reason(data: bytes) -> None:
    with suppress(InputError):
        assert _xml.local(_xml.parse(data))

"""Written articles and archives for the tests of the sources."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from medvlsynther.records import Article, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.rules.mentions import Context
from medvlsynther.sources import jats
from medvlsynther.sources._jats_front import NOTHING, Beside
from medvlsynther.sources._media import File, Media

CC_BY = (
    '<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Creative Commons '
    "Attribution 4.0</license-p></license></permissions>"
)
JPEG = b"\xff\xd8\xff\xe0 not really a picture"


def article(body: str = "", *, meta: str = "", floats: str = "", attributes: str = "", licence: str = CC_BY) -> str:
    """A whole article around a body."""
    return (
        f'<article {attributes} xmlns:xlink="http://www.w3.org/1999/xlink" '
        'xmlns:mml="http://www.w3.org/1998/Math/MathML">'
        "<front><journal-meta><journal-title>Journal of Tests</journal-title></journal-meta><article-meta>"
        '<article-id pub-id-type="pmc">77</article-id><article-id pub-id-type="doi">10.1000/Test.7</article-id>'
        "<title-group><article-title>A title</article-title></title-group><contrib-group>"
        '<contrib contrib-type="author">'
        "<name><surname>Meyer</surname><given-names>A</given-names></name></contrib></contrib-group>"
        f"<pub-date><year>2020</year></pub-date>{licence}{meta}</article-meta></front>"
        f"<body>{body}</body>{floats}</article>"
    )


def figure(number: int | str, caption: str = "", *, inside: str = "", graphic: str | None = None) -> str:
    """A figure `f<number>` labelled "Figure <number>" with the image `f<number>.jpg`."""
    name = f"f{number}" if graphic is None else graphic
    return (
        f'<fig id="f{number}"><label>Figure {number}</label><caption><p>{caption or f"Caption {number}."}</p></caption>'
        f'{inside}<graphic xlink:href="{name}"/></fig>'
    )


def xref(rid: str, text: str, kind: str = "fig") -> str:
    """A cross-reference."""
    return f'<xref ref-type="{kind}" rid="{rid}">{text}</xref>'


class AnyImage(Media):
    """Every image that is asked for is there."""

    def __init__(self) -> None:
        super().__init__(())

    def find(self, href: str) -> File | None:
        return File(href.rpartition("/")[2], href.rpartition("/")[2]) if href else None


def parse(
    text: str | bytes,
    *,
    files: tuple[str, ...] | None = None,
    policy: Policy | None = None,
    beside: Beside = NOTHING,
    paragraphs: bool = False,
) -> list[Article | Reject]:
    """What the parser makes of a document, with every image there or only `files`."""
    media = AnyImage() if files is None else Media(File(name, name) for name in files)
    context: Context = "paragraphs" if paragraphs else "sentences"
    setting = jats.Setting(media, "corpus", policy or Policy(), context, beside)
    return list(jats.parse(text.encode() if isinstance(text, str) else text, "doc.xml", setting))


def one(text: str | bytes, **options: object) -> Article:
    """The only article of a document."""
    (result,) = parse(text, **options)  # type: ignore[arg-type]
    assert isinstance(result, Article)
    return result


def mentions(found: Article) -> dict[str, tuple[str, ...]]:
    """Mentions by figure id without its article."""
    return {figure.figure_id.rpartition("/")[2]: figure.mentions for figure in found.figures}


def reasons(results: object) -> list[str]:
    """Reason codes of an article's rejects, or of a list of results."""
    rejects = results.rejects if isinstance(results, Article) else results
    assert isinstance(rejects, (list, tuple))
    return [result.reason for result in rejects if isinstance(result, Reject)]


def tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """An archive of these members; packed where its name says so."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write(root: Path, files: Mapping[str, bytes | str]) -> Path:
    """A folder of these files."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file as it should not be: cut, flipped, empty, a pointer."""
    yield "empty", b""
    yield "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    for share in (0.1, 0.5, 0.9, 0.999):
        yield f"cut at {share}", data[: int(len(data) * share)]
    for step in (7, 101, 1009):
        flipped = bytearray(data)
        for place in range(step, len(flipped), step * 13):
            flipped[place] ^= 1 << (place % 8)
        yield f"flipped {step}", bytes(flipped)
    yield "zeros", bytes(len(data))

"""Synthetic article packages: JATS XML with its images, many in an archive; no text or image comes from an article.

    python benchmarks/synthetic_articles.py FOLDER [--figures 5000] [--per-archive 500]

An article has five figures with captions, a body that refers to each of them twice, and a licence.
"""

import argparse
import random
import tarfile
from pathlib import Path

from synthetic_shards import FIGURES, member, picture, sentence

LICENCES = ("by/4.0", "by/4.0", "by/3.0", "by-nc/4.0", "zero/1.0")
PER_ARCHIVE = 500
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def article(rng: random.Random, number: int, figures: int = FIGURES) -> str:
    """The JATS of one article; its images are called synth-g001.jpg and so on."""
    kind = rng.choice(LICENCES)
    uri = f"https://creativecommons.org/{'publicdomain' if 'zero' in kind else 'licenses'}/{kind}/"
    shown = "".join(
        f'<fig id="F{at}"><label>Figure {at}</label><caption><title>{sentence(rng, 8)}</title>'
        f"<p>{sentence(rng, 40)}</p></caption>"
        f'<graphic xlink:href="synth-{number}-g{at:03d}"/></fig>'
        for at in range(1, figures + 1)
    )
    told = "".join(
        f"<p>{sentence(rng, 20)} As {sentence(rng, 10)[:-1]} (<xref ref-type='fig' rid='F{at}'>Figure {at}</xref>). "
        f"{sentence(rng, 25)}</p>"
        for at in [*range(1, figures + 1)] * 2
    )
    return (
        f'<article {XLINK} article-type="research-article"><front><journal-meta><journal-title-group><journal-title>'
        "Synthetic Journal</journal-title></journal-title-group></journal-meta><article-meta>"
        f'<article-id pub-id-type="pmc">{2_000_000 + number}</article-id>'
        f"<title-group><article-title>{sentence(rng, 12)}</article-title></title-group>"
        f'<pub-date pub-type="epub"><year>2020</year></pub-date><permissions><license xlink:href="{uri}">'
        f"<license-p>Creative Commons.</license-p></license></permissions>"
        f"<abstract><p>{sentence(rng, 150)}</p></abstract></article-meta></front>"
        f"<body><sec><title>Results</title>{told}{shown}</sec></body></article>"
    )


def write(folder: Path, figures: int, per_archive: int = PER_ARCHIVE, seed: int = 42) -> None:
    """Archives with articles of so many figures altogether."""
    rng = random.Random(seed)
    image = picture(rng)
    folder.mkdir(parents=True, exist_ok=True)
    articles = -(-figures // FIGURES)
    for start in range(0, articles, per_archive):
        with tarfile.open(folder / f"articles-{start // per_archive:05d}.tar", "w") as archive:
            for number in range(start, min(start + per_archive, articles)):
                name, count = f"PMC{2_000_000 + number}", min(FIGURES, figures - number * FIGURES)
                member(archive, f"{name}/{name}.nxml", article(rng, number, count).encode())
                for at in range(1, count + 1):
                    member(archive, f"{name}/synth-{number}-g{at:03d}.jpg", image)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figures", type=int, default=5_000)
    parser.add_argument("--per-archive", type=int, default=PER_ARCHIVE)
    given = parser.parse_args()
    write(given.folder, given.figures, given.per_archive)

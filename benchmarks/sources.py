"""How fast articles are read, and in how much memory: `python benchmarks/sources.py FOLDER [FOLDER ...]`.

For each folder of articles: documents, figures and mentions, articles per CPU second (parsing, linking, licence, panels
and the look for image files; the second of two passes, so that nothing is imported or listed on the clock) and the peak
of resident memory. Beside it the captions that `pubmed_parser` reads, where it is installed.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple


class Result(NamedTuple):
    """One line of the table."""

    name: str
    documents: int
    crashes: int
    figures: int
    mentions: int
    cpu_s: float
    peak_mib: float


Read = Callable[[Path], Iterator[tuple[int, int]]]


def ours(root: Path) -> Iterator[tuple[int, int]]:
    """Figures (also those without image files) and mentions of each document."""
    from medvlsynther.records import Article
    from medvlsynther.rules.licence import Policy
    from medvlsynther.sources import pmc

    for shard in pmc.shards(root):
        for article in pmc.read(root, shard, "benchmark", Policy()):
            if isinstance(article, Article):
                yield len(article.figures) + len(article.rejects), sum(len(f.mentions) for f in article.figures)


def theirs(root: Path) -> Iterator[tuple[int, int]]:
    """Figures of each document as pubmed_parser reads them; a crash counts as -1."""
    import pubmed_parser

    for path in sorted([*root.rglob("*.xml"), *root.rglob("*.nxml")]):
        try:
            yield len(pubmed_parser.parse_pubmed_caption(str(path)) or ()), 0
        except (KeyError, AttributeError, TypeError, UnboundLocalError):
            yield -1, 0


def measure(name: str, read: Read, root: Path) -> Result:
    """Reads everything twice and times the second pass."""
    list(read(root))
    started = time.process_time()
    counts = list(read(root))
    cpu_s = time.process_time() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    crashes = sum(figures < 0 for figures, _ in counts)
    figures, mentions = sum(max(0, f) for f, _ in counts), sum(m for _, m in counts)
    return Result(name, len(counts), crashes, figures, mentions, cpu_s, peak_mib)


def main(folders: list[str]) -> None:
    """Prints the table, each line measured in a process of its own."""
    readers: dict[str, Read] = {"medvlsynther": ours}
    if find_spec("pubmed_parser"):
        readers["pubmed_parser"] = theirs
    header = ("reader", "docs", "crashes", "figures", "mentions", "CPU s", "docs/CPU s", "peak MiB")
    for folder in folders:
        print(f"\n{folder}\n" + "".join(f"{title:>14}" for title in header))
        for name, read in readers.items():
            with get_context("spawn").Pool(1) as pool:
                result = pool.apply(measure, (name, read, Path(folder)))
            rate = result.documents / result.cpu_s if result.cpu_s else float("inf")
            print(
                f"{result.name:>14}{result.documents:>14}{result.crashes:>14}{result.figures:>14}{result.mentions:>14}"
                f"{result.cpu_s:>14.3f}{rate:>14.0f}{result.peak_mib:>14.0f}"
            )


if __name__ == "__main__":
    main(sys.argv[1:] or [str(Path(__file__).parents[1] / "src/medvlsynther/assets/corpora/miniature")])

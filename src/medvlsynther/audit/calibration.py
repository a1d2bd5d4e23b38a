"""What the audit could have found: copies planted among the audited items, and items that are no copies."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image

from medvlsynther.audit.index import Index
from medvlsynther.audit.plant import IMAGE_CHANGES, TEXT_CHANGES, Dice, Wording, as_jpeg
from medvlsynther.audit.prints import printed
from medvlsynther.audit.search import Limits, search
from medvlsynther.audit.sets import Exhibit, Print
from medvlsynther.audit.texts import Known, Rules, alike
from medvlsynther.catalog import ASSETS
from medvlsynther.errors import InputError
from medvlsynther.fingerprint import draw
from medvlsynther.questions.images import Images
from medvlsynther.records import Record
from medvlsynther.rules.overlap.classes import SAME_STEM, SAME_TEXT
from medvlsynther.rules.overlap.text import views
from medvlsynther.rules.stats import wilson
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.pixels import decode

QUALITY = 85
"""Of planted copies, as JPEG."""

BUNDLED = ASSETS / "corpora"
"""Images that have nothing to do with any audited set."""

Direction = Literal["copy in test", "copy in train", "no copy"]


class Power(Record):
    """How often one layer found what was planted, or found something where nothing was."""

    set_name: str
    """The audited set."""
    layer: Literal["images", "text"]
    """What was compared."""
    control: str
    """Name of the change, or of the unrelated material."""
    direction: Direction
    """On which side the copy stood; "no copy" for a negative control."""
    tried: int
    """Copies planted; or unrelated pairs compared, or images each compared with all others."""
    found: int
    """Copies found; or unrelated pairs taken for one, or images taken for any other."""
    low: float
    """Lower end of the 95 % Wilson interval of found / tried."""
    high: float
    """Upper end."""

    @property
    def rate(self) -> float:
        """Share of what was tried; 0 where nothing was."""
        return self.found / self.tried if self.tried else 0.0


class Case(NamedTuple):
    """One image change to try on some images."""

    change: str
    prints: tuple[Print, ...]


class Count(NamedTuple):
    """What came out of one case, one direction."""

    control: str
    direction: Direction
    tried: int
    found: int


def power(set_name: str, layer: Literal["images", "text"], counts: Iterable[Count]) -> Iterator[Power]:
    """Counts of equal controls added up, with intervals."""
    sums: dict[tuple[str, Direction], tuple[int, int]] = {}
    for count in counts:
        tried, found = sums.get((count.control, count.direction), (0, 0))
        sums[count.control, count.direction] = (tried + count.tried, found + count.found)
    for (control, direction), (tried, found) in sums.items():
        low, high = wilson(found, tried)
        yield Power(
            set_name=set_name,
            layer=layer,
            control=control,
            direction=direction,
            tried=tried,
            found=found,
            low=low,
            high=high,
        )


# --------------------------------------------------------------------------------------------------------- images


def chosen(prints: Sequence[Print], count: int, seed: int) -> list[Print]:
    """The images to plant copies of: the same whatever their order."""
    seen = [print_ for print_ in prints if print_.fault is None and print_.phashes]
    return sorted(seen, key=lambda print_: (draw(seed, "calibrate", print_.unit), print_.unit))[:count]


class Bench:
    """Where copies are made and looked for, in whichever process."""

    def __init__(self, store: Path, index: Path, limits: Limits, seed: int) -> None:
        self.store, self.index, self.limits, self.seed = store, index, limits, seed

    def planted(self, case: Case) -> list[Count]:
        """One change to some images: their copies searched among all images, and they among their copies."""
        pictures: dict[str, bytes] = {}
        originals = list(self._opened(case.prints))
        others = [image for _, image in originals]
        copies = [
            printed(Print(name=original.name), self._copy(case.change, original, image, others), keeper(pictures))
            for original, image in originals
        ]
        read = partial(self._picture, pictures)
        among = Index(self.index)
        wanted = [original.unit for original, _ in originals]
        forth = sum(
            any(among[match.left].unit == unit for match in search(among, number, copy, self.limits, read))
            for number, (copy, unit) in enumerate(zip(copies, wanted))
        )
        folder = self.index.with_name(f"{self.index.name}-{case.change}-{wanted[0][:16] if wanted else ''}")
        few = Index.write(folder, copies)
        back = sum(
            any(match.left == number for match in search(few, number, original, self.limits, read))
            for number, (original, _) in enumerate(originals)
        )
        shutil.rmtree(folder)
        counted = len(originals)
        return [
            Count(case.change, "copy in test", counted, forth),
            Count(case.change, "copy in train", counted, back),
        ]

    def unrelated(self, prints: Sequence[Print]) -> list[Count]:
        """Images against all others of their own set, but for those of their article: who is taken for whom."""
        among, read = Index(self.index), partial(self._picture, {})
        found = [self._strangers(among, number, print_, read) for number, print_ in enumerate(prints)]
        return _false("within the set", found, among.images - 1)

    def bundled(self, paths: Sequence[Path]) -> list[Count]:
        """The drawn images that come with the package against all images of the set."""
        pictures: dict[str, bytes] = {}
        among, read = Index(self.index), partial(self._picture, pictures)
        prints = [printed(Print(name=path.name), path.read_bytes(), keeper(pictures)) for path in paths]
        found = [
            self._strangers(among, number, print_, read) for number, print_ in enumerate(prints) if not print_.fault
        ]
        return _false("with drawings of the package", found, among.images)

    def _strangers(self, among: Index, number: int, print_: Print, read: Callable[[str], bytes]) -> int:
        """Images of the set that one is taken for, and that have nothing to do with it."""
        matches = search(among, number, print_, self.limits, read)
        return len({m.left for m in matches if not _related(print_, among[m.left])})

    def _opened(self, prints: Iterable[Print]) -> Iterator[tuple[Print, Image.Image]]:
        """The images that can still be opened."""
        store, access = Store(self.store), dict[str, Images]()
        own = ImageStore(store.images)
        for print_ in prints:
            try:
                if print_.member:
                    reader = access.setdefault(print_.corpus, Images(store.corpus_path(print_.corpus)))
                    data = reader.read(print_.member)
                else:
                    data = own.read(next(iter(print_.digests), ""))
                yield print_, decode(data)[0].convert("RGB")
            except InputError:
                continue

    def _copy(self, change: str, print_: Print, image: Image.Image, others: Sequence[Image.Image]) -> bytes:
        dice = Dice(self.seed, change, print_.unit, others=others)
        return as_jpeg(IMAGE_CHANGES[change](image, dice), QUALITY)

    def _picture(self, pictures: dict[str, bytes], sha256: str) -> bytes:
        return pictures[sha256] if sha256 in pictures else ImageStore(Store(self.store).images).read(sha256)


def _false(material: str, found: Sequence[int], others: int) -> list[Count]:
    """Pairs that were taken for the same image, and images that were taken for some other one."""
    return [
        Count(f"pairs of images {material}", "no copy", max(0, len(found) * others), sum(found)),
        Count(f"single images {material}", "no copy", len(found), sum(map(bool, found))),
    ]


def keeper(pictures: dict[str, bytes]) -> Callable[[bytes], str]:
    """Keeps pictures in memory, by their SHA-256."""

    def keep(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        pictures[digest] = data
        return digest

    return keep


def _related(one: Print, other: Print) -> bool:
    """The same image, or one of the same article, which may well be a copy in truth."""
    if one.unit == other.unit or set(one.digests) & set(other.digests):
        return True
    return bool({_scope(key) for key in one.keys} & {_scope(key) for key in other.keys})


def _scope(key: str) -> str:
    """What two images have in common that belong together: the article of a figure, else the name itself."""
    return key.rpartition("/")[0] if key.startswith("figure:") else key


# ----------------------------------------------------------------------------------------------------------- text


def text_counts(exhibits: Sequence[Exhibit], base: Sequence[Known], rules: Rules, seed: int) -> Iterator[Count]:
    """Every change to the texts of some items, looked for among all items of their set; and the items themselves."""
    for change, make in TEXT_CHANGES.items():
        copies = []
        for exhibit in exhibits:
            before = Wording(exhibit.stem, exhibit.options, exhibit.key)
            after = make(before, Dice(seed, change, exhibit.item_id))
            if (after.stem, after.options) != (before.stem, before.options):
                found = tuple(views(after.stem, after.options, after.key))
                copies.append(Known(exhibit.item_id, found, (), ""))
        hits = {
            test_id
            for one in alike(base, copies, rules)
            if one.measure in SAME_TEXT | SAME_STEM
            for test_id in set(one.left) & set(one.right)
        }
        yield Count(change, "copy in test", len(copies), len(hits))
    yield _text_unrelated(exhibits, base, rules)


def _text_unrelated(exhibits: Sequence[Exhibit], base: Sequence[Known], rules: Rules) -> Count:
    """Pairs of different items taken for one question: the same wording of the whole item, and the same answer."""
    queries = [Known(one.item_id, tuple(views(one.stem, one.options, one.key)), (), "") for one in exhibits]
    found = {
        tuple(sorted((one, other)))
        for pair in alike(base, queries, rules)
        if pair.measure in SAME_TEXT
        for one in pair.left
        for other in pair.right
        if one != other
    }
    return Count("pairs of items within the set", "no copy", len(queries) * max(0, len(base) - 1), len(found))

"""What making images ready costs, beside the published way, and whether the pixels are the same.

    python benchmarks/images.py [--images 40] [--folder DIR]

The published way, per image: list the archive's members to find one, decode, RGB, LANCZOS to 384 px, PNG at the
default level. Ours: read by offset, the same pixels, and four hashes. Pictures are synthetic: octaves of seeded noise.
CPU seconds are of this process, the least of three runs, so that a busy machine counts less.
"""

import argparse
import io
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from medvlsynther.store import resample
from medvlsynther.store.corpus import open_member
from medvlsynther.store.pixels import prepare

SIZE = (914, 904)
LONG_SIDE_PX = 384


def picture(seed: int) -> bytes:
    """A JPEG with the detail of a photograph."""
    rng = np.random.default_rng(seed)
    total = np.zeros((SIZE[1], SIZE[0], 3))
    for octave in range(3, 9):
        coarse = Image.fromarray(rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8))
        total += np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), dtype=float) / 1.7 ** (octave - 2)
    total = (total - total.min()) / (total.max() - total.min()) * 255
    buffer = io.BytesIO()
    Image.fromarray(total.astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def archive(path: Path, pictures: list[bytes], pairs: int) -> list[tuple[str, str]]:
    """An archive of image and JSON pairs; the name and the place of each picture, spread over it."""
    step, wanted = pairs // len(pictures), []
    with tarfile.open(path, "w") as tar:
        for number in range(pairs):
            at, rest = divmod(number, step)
            data = pictures[at] if rest == 0 and at < len(pictures) else b"\0" * 64
            for name, payload in ((f"{number:06d}.jpg", data), (f"{number:06d}.json", b"{}")):
                info = tarfile.TarInfo(name)
                info.size = len(payload)
                tar.addfile(info, io.BytesIO(payload))
                if payload is data and len(data) > 64:
                    wanted.append((name, f"{path.name}@{tar.offset - -(-len(data) // 512) * 512}+{len(data)}"))
    return wanted


def published(path: Path, name: str) -> bytes:
    """One image as the published converter makes it ready."""
    with tarfile.open(path) as tar:
        file = tar.extractfile(tar.getmember(name))
        data = file.read() if file else b""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = LONG_SIDE_PX / float(max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    buffer = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()


def ours(path: Path, place: str) -> bytes:
    """One image as the stage `images` makes it ready."""
    return prepare(open_member(path.parent, place, 1 << 26), long_side_px=LONG_SIDE_PX, min_side_px=28).data


def plain(data: bytes, long_side_px: int) -> None:
    """Decode, resize and encode with Pillow's quickest PNG: the floor that libraries give."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = min(1.0, long_side_px / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    image.resize((width, height), Image.Resampling.LANCZOS).save(io.BytesIO(), "PNG", compress_level=1)


def cpu_ms(work: Callable[[], object], count: int) -> float:
    """CPU milliseconds for each of `count` images, the least of three runs."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best / count * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    count = parser.parse_args().images
    print(f"compiled resampling: {'yes' if resample._library() else 'no, Pillow'}")
    pictures = [picture(seed) for seed in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        for pairs in (500, 10_000):
            path = Path(folder) / f"{pairs}.tar"
            wanted = archive(path, pictures, pairs)
            sample = wanted if pairs < 1000 else wanted[:4]
            same = all(
                np.array_equal(
                    np.asarray(Image.open(io.BytesIO(published(path, name)))),
                    np.asarray(Image.open(io.BytesIO(ours(path, place)))),
                )
                for name, place in sample
            )
            theirs = cpu_ms(lambda path=path, sample=sample: [published(path, name) for name, _ in sample], len(sample))  # type: ignore[misc]
            mine = cpu_ms(lambda path=path, wanted=wanted: [ours(path, place) for _, place in wanted], count)  # type: ignore[misc]
            print(
                f"{pairs:6d} pairs: published {theirs:6.1f} ms, ours {mine:5.1f} ms, {theirs / mine:4.1f}x, "
                f"pixels equal: {same}"
            )
    for side in (384, 768, 1024):
        floor = cpu_ms(lambda side=side: [plain(data, side) for data in pictures], count)  # type: ignore[misc]
        mine = cpu_ms(
            lambda side=side: [prepare(data, long_side_px=side, min_side_px=28) for data in pictures],  # type: ignore[misc]
            count,
        )
        print(
            f"{side:5d} px: decode, resize, encode {floor:5.1f} ms, ours with hashes {mine:5.1f} ms, "
            f"{mine / floor:4.2f}x"
        )


if __name__ == "__main__":
    main()

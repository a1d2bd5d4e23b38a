"""What putting and reading 10,000 images of 30 kB costs: packs, beside one file an image.

python benchmarks/packs.py
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from medvlsynther.fingerprint import text_hash
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import write_aside
from medvlsynther.store.packs import release

COUNT, BYTES = 10_000, 30_000


def main() -> None:
    """Print CPU seconds, wall seconds and files made for each way."""
    base = os.urandom(BYTES)
    images = [number.to_bytes(4, "big") + base[4:] for number in range(COUNT)]
    names = [text_hash(image) for image in images]
    print(f"{COUNT} images of {BYTES} bytes; hashing them alone: {_timed(lambda: [text_hash(i) for i in images])}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = ImageStore(root / "packed")

        def put_loose(image: bytes) -> None:
            name = text_hash(image)
            path = root / "loose" / name[:2] / f"{name}.png"
            if not path.is_file():
                write_aside(path, image)

        loose = ImageStore(root / "loose")
        print("put    loose", _timed(lambda: [put_loose(image) for image in images]))
        print("put    packs", _timed(lambda: ([store.put(image) for image in images], store.packs.settle())))
        print("again  packs", _timed(lambda: [store.put(image) for image in images]))
        release(root / "packed" / "packs")
        print("open   packs", _timed(lambda: names[0] in store))
        print("read   loose", _timed(lambda: [loose.read(name) for name in names]))
        print("read   packs", _timed(lambda: [store.read(name) for name in names]))
        release(root / "packed" / "packs")
        for index in root.glob("packed/packs/*.index"):
            index.unlink()
        print("rebuild index", _timed(lambda: names[0] in store))
        for way in ("loose", "packed"):
            print(f"files  {way}: {sum(1 for path in (root / way).rglob('*') if path.is_file())}")


def _timed(work: Callable[[], object]) -> str:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    work()
    return f"{time.process_time() - cpu_s:8.3f} s CPU {time.perf_counter() - wall_s:8.3f} s wall"


if __name__ == "__main__":
    main()

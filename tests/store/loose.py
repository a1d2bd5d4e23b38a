"""Packed images as loose files, as stores held them before there were packs: for tests that break single ones."""

import tarfile
from pathlib import Path

from medvlsynther.store.packs import release


def loose_files(images: Path) -> list[Path]:
    """The images of a store, unpacked in place; their packs are gone."""
    packs = images / "packs"
    release(packs)
    for pack in packs.glob("*.tar"):
        with tarfile.open(pack) as tar:
            for member in tar:
                held = tar.extractfile(member)
                assert held is not None
                path = images / member.name[:2] / member.name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(held.read())
        pack.unlink()
        pack.with_suffix(".index").unlink(missing_ok=True)
    return sorted(images.glob("??/*.*"))

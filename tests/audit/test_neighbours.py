"""Nearest vectors, and what a missing network says."""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from medvlsynther.audit.encoders import copies, encoder
from medvlsynther.audit.neighbours import BLOCK, nearest
from medvlsynther.errors import MissingExtra, MissingInput
from tests.audit.drawn import png, scene

GENERATOR = np.random.default_rng(1)


def test_the_nearest_are_those_of_comparing_all() -> None:
    left = GENERATOR.normal(size=(50, 8)).astype(np.float32)
    right = GENERATOR.normal(size=(BLOCK + 7, 8)).astype(np.float32)
    found: dict[int, list[int]] = {}
    for near in nearest(left, right, 3, -1.0):
        found.setdefault(near.right, []).append(near.left)
    cosines = (right @ left.T) / np.outer(np.linalg.norm(right, axis=1), np.linalg.norm(left, axis=1))
    assert found == {row: np.argsort(-cosines[row], kind="stable")[:3].tolist() for row in range(len(right))}


def test_nothing_is_near_in_an_empty_set() -> None:
    some, none = np.ones((2, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.float32)
    assert list(nearest(none, some, 3, -1.0)) == list(nearest(some, none, 3, -1.0)) == []


def test_a_copy_stands_out_from_what_everything_has_in_common() -> None:
    common = np.full(16, 3.0)
    left = (common + GENERATOR.normal(size=(30, 16))).astype(np.float32)
    right = np.stack([left[4], (common + GENERATOR.normal(size=16)).astype(np.float32)])
    scores = {(one, other): score for one, other, score in copies(left, right, 2, -1.0)}
    assert max(scores, key=scores.__getitem__) == (4, 0)
    assert scores[4, 0] > 2 * max(score for pair, score in scores.items() if pair != (4, 0))


@pytest.mark.parametrize(("kind", "package"), [("sscd", "torch"), ("clip", "torch"), ("clip", "open_clip")])
def test_a_network_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, package: str
) -> None:
    if package == "open_clip":
        pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match="openclip"):
        encoder(kind, str(tmp_path / "none.pt"))  # type: ignore[arg-type]


def test_a_network_in_a_torchscript_file_finds_resized_copies(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "tiny.pt"
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(pool, torch.zeros(1, 3, 288, 288)).save(str(path))
        encode, digest = encoder("sscd", str(path))
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    left = encode(png(scene(seed)) for seed in range(30))
    right = encode(png(scene(seed).resize((100, 90))) for seed in range(3))
    found = {(one, other) for one, other, score in copies(left, right, 1, 0.2) if score}
    assert {(n, n) for n in range(3)} <= found


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "no.pt").write_text("nothing")
    for name in ("none.pt", "no.pt"):
        with pytest.raises(MissingInput):
            encoder("sscd", str(tmp_path / name))

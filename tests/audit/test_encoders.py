"""The networks of an audit, run for real from files of weights: tiny ones, drawn at random and saved here."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medvlsynther.audit.encoders import copies, encoder, texts_encoder
from medvlsynther.audit.sets import Exhibit, Print
from medvlsynther.audit.weights import Weights
from medvlsynther.errors import MissingExtra, MissingInput
from medvlsynther.fingerprint import fingerprint
from medvlsynther.records import Overlap
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from tests.audit.drawn import png, scene
from tests.stages.harness import Outcome, run_stage
from tests.tools.encoders import clip_folder

TEXT = "which organ is shown in this image lung liver axial view finding arrow marks a mass of brain"
WORDS = TEXT.split()


def weights(place: Path | str) -> Weights:
    return Weights.model_validate(str(place))


@pytest.fixture(scope="module")
def sscd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TorchScript file."""
    torch = pytest.importorskip("torch")
    path: Path = tmp_path_factory.mktemp("sscd") / "tiny.pt"
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(pool, torch.zeros(1, 3, 288, 288)), str(path))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as OpenCLIP's users share them."""
    return clip_folder(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sentence-transformers: a tiny BERT with a vocabulary of its own, and mean pooling."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

    root: Path = tmp_path_factory.mktemp("embedder")
    bert = root / "bert"
    bert.mkdir()
    listed = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "?", *"abcdefghijklmnopqrstuvwxyz"]
    (bert / "vocab.txt").write_text("\n".join(listed))
    BertTokenizerFast(str(bert / "vocab.txt")).save_pretrained(bert)
    torch.manual_seed(2)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(listed), **size)).save_pretrained(bert)
    word = modules.Transformer(str(bert))
    library.SentenceTransformer(modules=[word, modules.Pooling(32)]).save(str(root / "tiny"))
    return root / "tiny"


# --------------------------------------------------------------------------------------------------------- networks


def test_a_torchscript_file_finds_resized_copies(sscd: Path) -> None:
    encode, digest = encoder("sscd", weights(sscd))
    assert digest == weights(sscd).digest
    left = encode(png(scene(seed)) for seed in range(40))
    right = encode(png(scene(seed).resize((100, 90))) for seed in range(3))
    assert left.shape == (40, 192)
    found = {(one, other) for one, other, _ in copies(left, right, 1, 0.2)}
    assert {(n, n) for n in range(3)} <= found


def test_an_openclip_folder_makes_vectors_that_its_weights_decide(clip: Path) -> None:
    encode, digest = encoder("clip", weights(f"local-dir:{clip}"))
    vectors = encode(png(scene(seed)) for seed in range(3))
    assert vectors.shape == (3, 16)
    assert np.isfinite(vectors).all()
    assert np.allclose(vectors[:1], encode([png(scene(0))]), atol=1e-5)
    assert digest == weights(f"local-dir:{clip}").digest


def test_nothing_to_encode_gives_no_vector(sscd: Path) -> None:
    assert len(encoder("sscd", weights(sscd))[0]([])) == 0


def test_a_sentence_transformers_folder_puts_equal_texts_together(embedder: Path) -> None:
    encode = texts_encoder(weights(embedder))
    vectors = encode(["which organ is shown", "a mass of the brain", "which organ is shown"])
    assert vectors.shape == (3, 32)
    assert np.allclose(vectors[0], vectors[2], atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 torn"])
def test_files_that_hold_no_network_are_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("torch")
    (tmp_path / "no.pt").write_bytes(content)
    with pytest.raises(MissingInput):
        encoder("sscd", weights(tmp_path / "no.pt"))


@pytest.mark.parametrize("missing", ["open_clip_config.json", "open_clip_pytorch_model.bin"])
def test_an_openclip_folder_that_is_not_whole_is_refused(tmp_path: Path, clip: Path, missing: str) -> None:
    for file in clip.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(MissingInput):
        encoder("clip", weights(f"local-dir:{tmp_path}"))
    (tmp_path / missing).write_bytes(b"{")
    with pytest.raises(MissingInput):
        encoder("clip", weights(f"local-dir:{tmp_path}"))


def test_a_name_that_no_library_knows_is_refused() -> None:
    pytest.importorskip("open_clip")
    with pytest.raises(MissingInput):
        encoder("clip", weights("ViT-nothing"))


def test_a_folder_without_a_text_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingInput):
        texts_encoder(weights(tmp_path))


@pytest.mark.parametrize(("kind", "package"), [("sscd", "torch"), ("clip", "torch"), ("clip", "open_clip")])
def test_a_missing_package_is_an_error(monkeypatch: pytest.MonkeyPatch, kind: Any, package: str) -> None:
    if package == "open_clip":
        pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match="openclip"):
        encoder(kind, weights("ViT-B-32"))


def test_without_sentence_transformers_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match="embeddings"):
        texts_encoder(weights(tmp_path))


# --------------------------------------------------------------------------------------------------------- identity


def test_the_content_decides_and_not_the_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "w.bin").write_bytes(b"1")
        (tmp_path / name / "w.pt").write_bytes(b"2")
    one, other = weights(tmp_path / "a"), weights(f"local-dir:{tmp_path / 'b'}")
    assert fingerprint(one) == fingerprint(other)
    (tmp_path / "b" / ".cache").mkdir()
    (tmp_path / "b" / ".cache" / "x").write_bytes(b"3")
    assert fingerprint(one) == fingerprint(weights(tmp_path / "b"))
    (tmp_path / "b" / "sub" / "w.bin").write_bytes(b"4")
    assert fingerprint(one) != fingerprint(weights(tmp_path / "b"))
    assert str(tmp_path) not in one.name


@pytest.mark.parametrize("place", ["local-dir:{}/none", "{}/none.pt", "none.pt", "{}/none"])
def test_a_path_where_nothing_lies_is_refused_before_anything_runs(tmp_path: Path, place: str) -> None:
    with pytest.raises(MissingInput):
        weights(place.format(tmp_path))


def test_a_name_is_its_own_identity() -> None:
    assert fingerprint(weights("hf-hub:a/b")) != fingerprint(weights("hf-hub:a/c"))


# ----------------------------------------------------------------------------------------------------------- layers


def exhibits(folder: Path) -> list[Exhibit]:
    """Forty train images, two of which also stand in the test set at another size; one cannot be opened."""
    store = ImageStore(Store(folder / "store").images)

    def shown(name: str, role: Any, seed: int, number: int, scale: int = 1) -> Exhibit:
        image = scene(seed)
        small = store.put(png(image.resize((image.width // scale, image.height // scale))))
        text = {"stem": " ".join(WORDS[seed % 8 : seed % 8 + 9]) + "?", "options": ("lung", "liver"), "key": "lung"}
        return Exhibit(
            set_name=name, role=role, item_id=f"{name}/{number}", images=(Print(name="i", small=small),), **text
        )

    rows = [shown("ours", "train", seed, seed) for seed in range(40)]
    rows += [shown("bench", "test", seed, place, 2) for place, seed in enumerate((3, 17, 90))]
    blind = Exhibit(set_name="bench", role="test", item_id="bench/3", images=(Print(name="i", fault="image_corrupt"),))
    return [*rows, blind]


def looked(folder: Path, **settings: Any) -> Outcome:
    return run_stage("audit.copies", folder, {"exhibits": exhibits(folder), "overlaps": None}, **settings)


def test_copies_are_found_by_a_network_and_what_it_did_not_see_is_counted(tmp_path: Path, sscd: Path) -> None:
    found = looked(tmp_path, encoder_kind="sscd", weights=weights(sscd), least=0.2, neighbours=1)
    rows: list[Overlap] = list(found.rows)
    assert {("ours/3", "bench/0"), ("ours/17", "bench/1")} <= {(row.train_id, row.test_id) for row in rows}
    assert {(row.layer, row.measure) for row in rows} == {("copy", "sscd")}
    assert all(row.evidence == f"tiny.pt, weights {weights(sscd).digest[:16]}" for row in rows)
    assert found.rejects == {"bench/3:0": "no_picture"}


def test_a_ranking_by_openclip_is_of_the_semantic_layer(tmp_path: Path, clip: Path) -> None:
    found = looked(tmp_path, encoder_kind="clip", weights=weights(f"local-dir:{clip}"), least=-1.0, neighbours=2)
    assert {row.layer for row in found.rows} == {"semantic"}
    assert len(found.rows) == 3 * 2


def test_an_embedder_ranks_texts_and_says_which_weights(tmp_path: Path, embedder: Path) -> None:
    given = exhibits(tmp_path)
    found = run_stage(
        "audit.text", tmp_path, {"exhibits": given, "overlaps": None}, embedder=weights(embedder), least_cosine=0.99
    )
    ranked = [row for row in found.rows if row.measure == "embedding:item"]
    assert {(row.train_id, row.test_id) for row in ranked} >= {("ours/3", "bench/0"), ("ours/17", "bench/1")}
    assert all(row.evidence == f"tiny, weights {weights(embedder).digest[:16]}" for row in ranked)
    assert found.rejects == {"bench/3": "no_text"}

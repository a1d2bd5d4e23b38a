"""Tiny encoders with random weights, saved as people share the large ones."""

import json
from pathlib import Path
from typing import Any

import pytest

CLIP: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 64, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}


def clip_folder(folder: Path) -> Path:
    """A model of OpenCLIP in a folder; skips where its packages are not installed."""
    torch = pytest.importorskip("torch")
    parts = pytest.importorskip("open_clip").model
    (folder / "open_clip_config.json").write_text(json.dumps(CLIP))
    torch.manual_seed(1)
    config = CLIP["model_cfg"]
    vision, text = parts.CLIPVisionCfg(**config["vision_cfg"]), parts.CLIPTextCfg(**config["text_cfg"])
    network = parts.CLIP(config["embed_dim"], vision, text)
    torch.save(network.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder

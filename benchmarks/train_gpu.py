"""Does training learn on a GPU? Some 40 million parameters, shuffled options, under ten minutes on one GPU.

    .venv-trl/bin/python benchmarks/train_gpu.py [--folder FOLDER] [--smoke]

With shuffled options a letter means nothing by itself: the model has to see the shape and look its letter up. SFT
teaches it to write the options down first, GRPO makes the answers right. Prints the curve of both and the accuracy on
held-out figures, with and without their images. `--smoke` does the same with a tiny model for a few steps on a CPU.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import shapes
from benchmarks.train import RECIPE, command, curves, environment, learned, steps

POINTS = 20
"""Lines of each printed curve."""

FULL: dict[str, Any] = {
    "figures": 4000,
    "shape": {"width": 512, "layers": 8, "heads": 8, "vision_width": 512, "vision_layers": 6, "vision_heads": 8},
    "sft": {"updates": 600, "batch_rows": 64, "device_rows": 64, "learning_rate": 4e-4, "max_reply_tokens": 128},
    "grpo": {"updates": 100, "batch_rows": 32, "device_rows": 256, "learning_rate": 3e-5, "max_reply_tokens": 80},
}
SMOKE: dict[str, Any] = {
    "figures": 40,
    "shape": {},
    "sft": {"updates": 2, "batch_rows": 4, "device_rows": 4, "learning_rate": 1e-3, "max_reply_tokens": 128},
    "grpo": {"updates": 1, "batch_rows": 2, "device_rows": 16, "learning_rate": 1e-3, "max_reply_tokens": 8},
}
EXTRA: dict[str, dict[str, Any]] = {
    "sft": {"schedule": "cosine", "warmup": 0.05, "betas": [0.9, 0.95]},
    "grpo": {"warmup": 0.1, "rollouts": 8, "kl": 0.01},
}


def cards(folder: Path, plan: dict[str, Any], precision: str) -> tuple[int, dict[str, Path]]:
    """Build the base and write the trainers' cards; gives the number of parameters and the cards."""
    import torch
    from transformers import AutoModelForImageTextToText

    from medvlsynther.training import tiny

    torch.set_num_threads(1)
    base = tiny.build(folder / "base", tiny.Shape(**plan["shape"]))
    size = sum(each.numel() for each in AutoModelForImageTextToText.from_pretrained(base).parameters())
    made = {}
    for kind in ("sft", "grpo"):
        card = {"description": "Shuffled options", "method": kind, "base": str(base), "parameters": float(size)}
        made[kind] = folder / f"shuffled-{kind}.yaml"
        made[kind].write_text(yaml.safe_dump({**card, "precision": precision, **EXTRA[kind], **plan[kind]}))
    return size, made


def told(rows: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    """Print a curve."""
    print("  step  " + "  ".join(f"{name:>14}" for name in names))
    stride = max(1, len(rows) // POINTS)
    for row in rows[stride - 1 :: stride]:
        print(f"{row['step']:6}  " + "  ".join(f"{row.get(name, float('nan')):14.3f}" for name in names))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train a small model on drawn figures with shuffled options.")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    import torch

    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    plan = SMOKE if given.smoke else FULL
    begun = time.monotonic()
    size, made = cards(folder, plan, "bf16" if torch.cuda.is_available() else "fp32")
    drawn = shapes.write(folder / "drawn", plan["figures"], shuffled=True)
    recipe = folder / "shapes.yaml"
    recipe.write_text(RECIPE.format(drawn=drawn, held_out=0.1, seed=0))
    sets = [f"train.{kind}.trainer={path}" for kind, path in made.items()]
    sets.append(f"answer.sampling.max_tokens={plan['grpo']['max_reply_tokens']}")
    print(f"{size / 1e6:.1f} million parameters, {plan['figures']} figures", flush=True)
    subprocess.run(command(recipe, *sets), cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)
    found = steps(folder)
    told(curves(found["train.sft"]), ("loss", "token_accuracy", "learning_rate"))
    told(curves(found["train.grpo"]), ("reward", "format", "accuracy", "length_tokens", "kl"))
    shown = learned(folder)
    print(f"held out {shown.accuracy:.2f} [{shown.low:.2f}, {shown.high:.2f}], images blanked {shown.blank:.2f}")
    print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()

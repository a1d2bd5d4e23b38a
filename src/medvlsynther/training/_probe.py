"""What a Python has: run by its path under the Python that is asked about, which may lack even this package."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys

PACKAGES = (
    *("medvlsynther", "torch", "transformers", "tokenizers", "trl", "verl", "vllm", "accelerate", "peft", "datasets"),
    *("ray", "tensordict", "tensorboard", "wandb", "flash-attn", "numpy", "pillow"),
)


def versions() -> dict[str, str]:
    """Package to version, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def gpus() -> list[dict[str, object]]:
    """Name and memory of each GPU that this process may use."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [{"name": each.name, "memory_bytes": each.total_memory} for each in found]


def memory_bytes() -> int | None:
    """Memory of the machine, where the system tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def main() -> None:
    """Write one line of JSON."""
    found = {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": memory_bytes(),
        "gpus": gpus(),
        "versions": versions(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

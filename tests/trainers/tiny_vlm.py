"""The bundled tiny model, for tests that run beside a CPU build of torch."""

from pathlib import Path

from tests.trainers.shim import install

install()

from medvlsynther.training import tiny  # noqa: E402


def build(folder: Path) -> Path:
    """Write model and processor into `folder`, as `from_pretrained` reads them."""
    return tiny.build(folder)

"""What a Python lacks is said before anything starts."""

from pathlib import Path

import pytest

from medvlsynther.errors import BadSetting, MissingExtra, UserError
from medvlsynther.training.base import Place
from medvlsynther.training.survey import Gpu, Survey, require, require_gpu, survey
from tests.training.material import job

BARE = Survey(python="3.12.0", system="Linux", machine="x86_64", cores=8)
GPU = Gpu(name="a GPU", memory_bytes=80 << 30)


def test_this_python_can_be_asked() -> None:
    found = survey(Place())
    assert found.cores >= 1
    assert "medvlsynther" in found.versions


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false"])
def test_a_python_that_cannot_be_asked_is_named(python: str) -> None:
    with pytest.raises(BadSetting, match=python):
        survey(Place(python=python))


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(MissingExtra, match=r"'trl' is not installed.*medvlsynther\[trl\]"):
        require(BARE, ("trl",), "trl")


def test_bf16_needs_a_gpu_and_a_tiny_model_does_not(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no GPU is visible"):
        require_gpu(job(tmp_path, "sft-3b"), Place(), BARE)
    assert require_gpu(job(tmp_path, "tiny-sft"), Place(), BARE) == 0
    two = BARE.model_copy(update={"gpus": (GPU, GPU)})
    assert require_gpu(job(tmp_path, "sft-3b"), Place(), two) == 2
    assert require_gpu(job(tmp_path, "sft-3b"), Place(gpus=1), two) == 1
    with pytest.raises(UserError, match="3 GPUs are asked for and 2 are there"):
        require_gpu(job(tmp_path, "sft-3b"), Place(gpus=3), two)

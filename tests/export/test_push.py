"""A data set leaves for the Hub whole, private by default, and only when it is one."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from medvlsynther.errors import EngineRefused, MissingInput
from medvlsynther.export.push import parcel, push
from tests.export.material import Material


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    Material(tmp_path).fill().run("export.hf")
    return tmp_path / "step/dataset"


class Hub:
    """As much of the Hub's client as sending uses."""

    calls: list[dict[str, Any]]

    def create_repo(self, repo: str, **settings: Any) -> str:
        self.calls.append(settings)
        return f"https://hub/{repo}"

    def upload_folder(self, **settings: Any) -> None:
        self.calls.append(settings)


def test_what_would_be_sent_is_told_beforehand(dataset: Path) -> None:
    sent = parcel(dataset)
    assert {path.name for path in sent.files} >= {"README.md", "croissant.json", "train-00000-of-00001.parquet"}
    assert sent.size_bytes == sum(path.stat().st_size for path in sent.files)
    assert sent.licences == {"CC-BY-4.0": 3, "CC0-1.0": 3}


@pytest.mark.parametrize("public", [False, True])
def test_a_data_set_is_private_unless_said_otherwise(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    Hub.calls = []
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    assert push(parcel(dataset), "owner/name", public=public) == "https://hub/owner/name"
    made, sent = Hub.calls
    assert (made["private"], made["repo_type"], sent["folder_path"]) == (not public, "dataset", dataset)


def test_a_folder_that_is_no_data_set_is_not_sent(dataset: Path) -> None:
    (dataset / "ATTRIBUTION.tsv").unlink()
    with pytest.raises(MissingInput, match=r"No ATTRIBUTION.tsv"):
        parcel(dataset)


def test_a_hub_that_cannot_be_reached_is_one_line(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(Hub, "create_repo", refuse)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    with pytest.raises(EngineRefused, match="no route to host"):
        push(parcel(dataset), "owner/name", public=False)

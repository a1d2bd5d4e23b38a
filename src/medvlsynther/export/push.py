"""A finished data set to the Hub: never by itself, and private until its owner says otherwise."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from medvlsynther.errors import EngineRefused, MissingExtra, MissingInput

NEEDED = ("README.md", "ATTRIBUTION.tsv")
"""Without these a folder is no data set of this project."""


@dataclass(frozen=True)
class Parcel:
    """What would be sent."""

    folder: Path
    files: tuple[Path, ...]
    """Every file below the folder, sorted."""
    size_bytes: int
    """Bytes of all files."""
    licences: Counter[str]
    """Figures by licence, as the attributions tell."""


def parcel(folder: Path) -> Parcel:
    """The data set in a folder, looked at before it is sent.

    Raises: MissingInput for a folder that is no finished data set.
    """
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if lacking:
        mend = "Give the dataset/ folder of a finished export step"
        raise MissingInput(f"No {' and no '.join(lacking)}", where=str(folder), mend=mend)
    files = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    with (folder / "ATTRIBUTION.tsv").open(newline="", encoding="utf-8") as lines:
        licences = Counter(row["licence"] for row in csv.DictReader(lines, delimiter="\t"))
    return Parcel(folder, files, sum(path.stat().st_size for path in files), licences)


def push(sent: Parcel, repo: str, *, public: bool) -> str:
    """Upload a data set into a repository, made where it is not there yet; gives its address.

    Raises: MissingExtra; EngineRefused when the Hub cannot be reached or refuses.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise MissingExtra("huggingface_hub", "hub", where="push") from None
    hub = HfApi()
    # The client's HTTP library differs between its versions; its own error tells which one's errors to expect.
    refusals: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, HFValidationError)
    try:
        address = hub.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        hub.upload_folder(repo_id=repo, repo_type="dataset", folder_path=sent.folder, commit_message="Add the data set")
    except refusals as error:
        what = " ".join(str(error).split())[:300]
        raise EngineRefused(
            what, where=repo, mend="Log in with `hf auth login`, or name a repository of yours"
        ) from None
    return str(address)

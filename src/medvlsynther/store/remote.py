"""Object storage: buckets by URL, read and written through `fsspec`; what goes wrong there is told in one line.

Credentials, endpoints and regions are the backends' own business (environment, profiles, instance roles): none is
taken from a URL, and none is written or told.
"""

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from medvlsynther.errors import BadSetting, MissingExtra, StoreTrouble
from medvlsynther.fingerprint import text_hash

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

BACKENDS = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}
"""Scheme of a URL to the package that serves it."""
MARK = "bucket.json"
"""In a working folder: of which bucket it is a copy."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}}}
}
_TROUBLES = {
    "s3": (("botocore.exceptions", "BotoCoreError"), ("botocore.exceptions", "ClientError")),
    "gs": (("gcsfs.retry", "HttpError"), ("google.auth.exceptions", "GoogleAuthError")),
    "az": (("azure.core.exceptions", "AzureError"),),
    "hf": (),
}
"""What backends raise besides OSError: (module, class)."""


def is_remote(text: str) -> bool:
    """Whether a path is a URL."""
    return "://" in text


class Remote:
    """A prefix in a bucket. Keys are relative to it."""

    def __init__(self, url: str) -> None:
        """Raises: BadSetting for a URL that is none of a bucket, or that carries a password."""
        parts = urlsplit(url)
        if parts.scheme not in BACKENDS or not parts.netloc:
            shown = f"{parts.scheme}://…"
            raise BadSetting(
                f"No bucket at {shown!r}", mend=f"Write one of {', '.join(BACKENDS)} as in s3://bucket/prefix"
            )
        if "@" in parts.netloc and parts.scheme != "az":
            mend = "Give credentials as the provider's tools take them: environment variables, profiles or roles"
            raise BadSetting("A URL of a bucket may hold no credentials", mend=mend)
        self.url = url.rstrip("/")
        self.scheme = parts.scheme

    @cached_property
    def _fs(self) -> "AbstractFileSystem":
        try:
            import fsspec

            importlib.import_module(BACKENDS[self.scheme])
        except ImportError as error:
            raise MissingExtra(str(error.name), "objects", where=self.url) from None
        return fsspec.filesystem(self.scheme, use_listings_cache=False, **_OPTIONS.get(self.scheme, {}))

    @cached_property
    def _base(self) -> str:
        return str(self._fs._strip_protocol(self.url))

    @contextmanager
    def _told(self) -> Iterator["AbstractFileSystem"]:
        """The file system; its troubles become one line without a secret.

        Raises: StoreTrouble; FileNotFoundError and FileExistsError as they are.
        """
        filesystem = self._fs
        found = [(importlib.import_module(module), name) for module, name in _TROUBLES[self.scheme]]
        troubles = tuple(getattr(module, name) for module, name in found)
        try:
            yield filesystem
        except (FileNotFoundError, FileExistsError):
            raise
        except PermissionError:
            raise StoreTrouble(
                "Access is denied", where=self.url, mend="Mend the credentials or their rights"
            ) from None
        except (OSError, *troubles) as error:
            raise StoreTrouble(f"It cannot be reached: {_kind(error)}", where=self.url, mend=_mend(error)) from None

    def check(self) -> None:
        """Write a small object, to find out before work starts whether that is possible.

        Raises: StoreTrouble, MissingExtra.
        """
        try:
            self.write("store.json", b'{"store": 1}\n')
        except FileNotFoundError:
            raise StoreTrouble("There is no such bucket", where=self.url, mend="Make it, or mend its name") from None

    def write(self, key: str, data: bytes) -> None:
        """Write an object whole. Raises: StoreTrouble."""
        with self._told() as there:
            there.pipe_file(f"{self._base}/{key}", data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one already; says whether it was written.

        Raises: StoreTrouble.
        """
        try:
            with self._told() as there:
                there.pipe_file(f"{self._base}/{key}", data, mode="create")
        except FileExistsError:
            return False
        return True

    def read(self, key: str) -> bytes | None:
        """An object; None where there is none. Raises: StoreTrouble."""
        try:
            with self._told() as there:
                return bytes(there.cat_file(f"{self._base}/{key}"))
        except FileNotFoundError:
            return None

    def span(self, key: str, offset: int, size: int) -> bytes:
        """`size` bytes of an object from `offset` on; fewer where it ends before.

        Raises: StoreTrouble; FileNotFoundError.
        """
        with self._told() as there:
            return bytes(there.cat_file(f"{self._base}/{key}", start=offset, end=offset + size))

    def upload(self, path: Path, key: str) -> None:
        """Bring a file there. Raises: StoreTrouble."""
        with self._told() as there:
            there.put_file(str(path), f"{self._base}/{key}")

    def download(self, key: str, path: Path) -> None:
        """Bring an object here, whole or not at all. Raises: StoreTrouble; FileNotFoundError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{text_hash(str(id(self)))[:8]}.part")
        try:
            with self._told() as there:
                there.get_file(f"{self._base}/{key}", str(aside))
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    def entries(self, prefix: str = "", *, deep: bool = True) -> dict[str, dict[str, Any]]:
        """Keys below a prefix, relative to it, with what the store says of each object: `size` in bytes, and more.

        Raises: StoreTrouble.
        """
        base = f"{self._base}/{prefix}".rstrip("/")
        try:
            with self._told() as there:
                found = there.find(base, maxdepth=None if deep else 1, detail=True)
        except FileNotFoundError:
            return {}
        return {name[len(base) + 1 :]: about for name, about in sorted(found.items()) if name.startswith(f"{base}/")}

    def sizes(self, prefix: str, *, deep: bool = True) -> dict[str, int]:
        """Keys below a prefix, relative to it, and the bytes of each. Raises: StoreTrouble."""
        return {key: int(about["size"] or 0) for key, about in self.entries(prefix, deep=deep).items()}

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders right below a prefix. Raises: StoreTrouble."""
        try:
            with self._told() as there:
                found = there.ls(f"{self._base}/{prefix}", detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rpartition("/")[2] for entry in found if entry["type"] == "directory")

    def remove(self, prefix: str) -> None:
        """Remove an object, or all below a prefix. Raises: StoreTrouble."""
        try:
            with self._told() as there:
                there.rm(f"{self._base}/{prefix}", recursive=True)
        except FileNotFoundError:
            return

    def send_folder(self, folder: Path, prefix: str, last: str = "") -> None:
        """Bring all files below a folder there, the one called `last` after all others. Raises: StoreTrouble."""
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        for name in sorted(names, key=lambda name: (name == last, name)):
            self.upload(folder / name, f"{prefix}/{name}".lstrip("/"))

    def fetch_folder(self, prefix: str, folder: Path) -> bool:
        """Bring the objects right below a prefix into a new folder; False where there are none.

        Raises: StoreTrouble.
        """
        names = list(self.sizes(prefix, deep=False))
        aside = folder.with_name(f".{folder.name}.{text_hash(str(id(self)))[:8]}.fetch")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            for name in names:
                self.download(f"{prefix}/{name}", aside / name)
            if names and not folder.exists():
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return bool(names)


def working_folder(url: str, cache: Path) -> Path:
    """The folder on this machine that stands before a bucket.

    Raises: BadSetting for a URL that is none of a bucket; MissingExtra; StoreTrouble where it cannot be made.
    """
    remote = Remote(url)
    bucket = urlsplit(remote.url).netloc.partition("@")[0]
    folder = cache / f"{bucket}-{text_hash(remote.url)[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MARK).is_file():
            aside = folder / f".{MARK}.{os.getpid()}"
            aside.write_bytes(orjson.dumps({"url": remote.url}))
            aside.replace(folder / MARK)
    except OSError as error:
        mend = "Name another folder with `cache` in the site file"
        raise StoreTrouble(f"Cannot write: {error.strerror}", where=str(folder), mend=mend) from None
    remote_of.cache_clear()
    return folder


@lru_cache(maxsize=64)
def remote_of(root: Path) -> Remote | None:
    """The bucket before which a working folder stands; None for a folder that is a store of its own."""
    try:
        return Remote(orjson.loads((root / MARK).read_bytes())["url"])
    except (FileNotFoundError, NotADirectoryError):
        return None


def _kind(error: BaseException) -> str:
    """What kind of error it is, without its words: they may hold a signed URL."""
    code = getattr(error, "response", None)
    if isinstance(code, dict):
        return str(code.get("Error", {}).get("Code", type(error).__name__))[:80]
    return type(error).__name__


def _mend(error: BaseException) -> str:
    denied = any(word in _kind(error) for word in ("Credential", "Access", "Signature", "Token", "Denied", "Forbidden"))
    return "Mend the credentials or their rights" if denied else "Mend its address or the network, then run again"

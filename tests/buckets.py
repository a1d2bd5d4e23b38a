"""A real S3 server on this machine, and what is in it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medvlsynther.store.remote import Remote
from tests.conftest import ROOT

KEY, SECRET = "a-key-of-the-tests", "a-secret-of-the-tests"
BUCKET = "tests"


class Server:
    """A server that keeps its buckets in memory."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.env = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "PYTHONPATH": str(ROOT),
        }

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Everything below a prefix of the bucket."""
        remote = Remote(f"s3://{BUCKET}/{prefix}")
        return {key: remote.read(key) or b"" for key in remote.sizes("")}

    def bring(self, prefix: str, folder: Path) -> Path:
        """The same as files."""
        remote = Remote(f"s3://{BUCKET}/{prefix}")
        for key in remote.sizes(""):
            remote.download(key, folder / key)
        return folder


@contextmanager
def serving(*, guarded: bool = False) -> Iterator[Server]:
    """The server, for as long as it is needed; this process talks to it too. A guarded one knows no key at all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    before = dict(os.environ)
    env = before | ({"INITIAL_NO_AUTH_ACTION_COUNT": "2"} if guarded else {})  # to answer, and to make the bucket
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env) as process:
        try:
            server = Server(port)
            os.environ.update(server.env)
            _forget_servers()
            _answers(server.url, process)
            _client().create_bucket(Bucket=BUCKET)
            yield server
        finally:
            process.kill()
            os.environ.clear()
            os.environ.update(before)
            _forget_servers()


def _forget_servers() -> None:
    """File systems are remembered by their arguments, not by the address in the environment."""
    import s3fs  # type: ignore[import-untyped]

    s3fs.S3FileSystem.clear_instance_cache()


def _answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the S3 server ended at once")


def _client() -> Any:
    import boto3

    return boto3.client("s3")

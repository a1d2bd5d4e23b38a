"""docs/cluster.md and the files to copy beside it: they hold together, and what they say works."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from medvlsynther.pipeline.site import load_site
from tests.conftest import ROOT
from tests.simulated_server import serving

FILES = ROOT / "docs" / "cluster"
TEXT = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def commands(word: str) -> list[str]:
    """Lines of the page's shell blocks that begin with a word."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(word)]


def test_the_site_file_is_understood() -> None:
    site = load_site(str(FILES / "site.yaml"))
    assert (site.executor, site.ray.address) == ("ray", "auto")
    endpoint = site.endpoint("glm-4.5v")
    assert endpoint.cluster is not None
    assert endpoint.cluster.address == "auto"
    assert endpoint.replicas > 1


def test_the_manifest_gives_every_node_one_image_and_one_volume() -> None:
    claim, job = yaml.safe_load_all((FILES / "kuberay.yaml").read_text(encoding="utf-8"))
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert all(group["minReplicas"] >= 1 for group in groups[1:])
    pods = [group["template"]["spec"] for group in groups]
    containers: list[dict[str, Any]] = [container for pod in pods for container in pod["containers"]]
    assert len({container["image"] for container in containers}) == 1
    (image,) = {container["image"] for container in containers}
    assert f"-t {image} " in TEXT
    assert {mount["mountPath"] for container in containers for mount in container["volumeMounts"]} == {"/shared"}
    assert {volume["persistentVolumeClaim"]["claimName"] for pod in pods for volume in pod["volumes"]} == {
        claim["metadata"]["name"]
    }
    assert "cd /shared && medvlsynther run medsynvqa@5k" in job["spec"]["entrypoint"]
    assert f"ray:{cluster['rayVersion']}-" in (FILES / "Dockerfile").read_text(encoding="utf-8")
    assert f"ray=={cluster['rayVersion']}\n" in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_files_that_the_page_names_are_there() -> None:
    named = re.findall(r"\]\((cluster/[^)]+)\)", TEXT)
    assert {Path(name).name for name in named} == {path.name for path in FILES.iterdir()}


@pytest.mark.slow
def test_the_commands_for_several_machines_start_a_cluster_that_runs_a_recipe(tmp_path: Path) -> None:
    head, other = (shlex.split(command) for command in commands("ray start"))
    ray = str(Path(sys.executable).with_name("ray"))
    env = os.environ | {"RAY_AUTH_MODE": "disabled"}
    given = [ray, *head[1:], "--block", "--num-cpus=2", "--port=26379"]
    assert "--address=first:6379" in other
    with serving() as port, subprocess.Popen(given, start_new_session=True, stdout=subprocess.DEVNULL, env=env) as node:
        try:
            settings = yaml.safe_load((FILES / "site.yaml").read_text(encoding="utf-8"))
            settings["ray"]["address"] = "127.0.0.1:26379"
            settings["models"]["*"] |= {"base_url": f"http://127.0.0.1:{port}/v1", "served_as": "simulated"}
            (tmp_path / "site.yaml").write_text(yaml.safe_dump(settings))
            time.sleep(5)
            command = [sys.executable, "-m", "medvlsynther", "run", "quickstart", "--site", "site.yaml"]
            done = subprocess.run(
                [*command, "--set", "explain=null"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert "Data set: store/" in done.stdout
            assert "ray" not in done.stdout + done.stderr
            assert node.poll() is None, "what was joined has ended"
        finally:
            os.killpg(node.pid, signal.SIGKILL)

"""The command does what the documents say, names what is wrong in one line, and uses its exit codes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medvlsynther import catalog
from tests.conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def medvlsynther(*arguments: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "medvlsynther", *arguments]
    wide = os.environ | {"COLUMNS": "200", "PYTHONWARNINGS": "error"} | env
    return subprocess.run(command, cwd=cwd, env=wide, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which quickstart ran."""
    folder = tmp_path_factory.mktemp("quickstart")
    done = medvlsynther("run", "quickstart", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "run.txt").write_text(done.stdout)
    return folder


def test_run_prints_the_funnel_and_the_data_set(ran: Path) -> None:
    text = (ran / "run.txt").read_text()
    for stage in ("collect", "classify", "generate", "lint", "verify", "filter", "export.hf"):
        assert re.search(rf"^{re.escape(stage)} ", text, re.MULTILINE), stage
    (folder,) = re.findall(r"^Data set: (.*)$", text, re.MULTILINE)
    assert list((ran / folder / "data").glob("*.parquet"))


def test_running_again_keeps_everything(ran: Path) -> None:
    again = medvlsynther("run", "quickstart", cwd=ran)
    assert again.stdout.count(" kept") == again.stdout.count("\n") - 2


def test_plan_knows_what_is_done_and_what_is_shared(ran: Path) -> None:
    assert "14 of 14 steps are done" in medvlsynther("plan", "quickstart", cwd=ran).stdout
    changed = medvlsynther("plan", "quickstart", "--set", "generate.options=4", cwd=ran).stdout
    assert "4 of 14 steps are done" in changed
    assert re.search(r"To ask: \d+ requests with \d+ images", changed)


def test_status_show_and_why_look_inside(ran: Path) -> None:
    assert "steps are done" in medvlsynther("status", "quickstart", cwd=ran).stdout
    shown = medvlsynther("show", "quickstart", "filter", "--limit", "1", cwd=ran).stdout
    (item,) = re.findall(r'"item_id": "(.*)"', shown)
    why = medvlsynther("why", item, cwd=ran)
    assert why.returncode == 0, why.stderr
    for word in ("article", "licence", "caption", "prompts/exam", "models/lexical", "rubrics/audited", "score", "key "):
        assert word in why.stdout, word
    rejected = medvlsynther("show", "quickstart", "collect", "--rejects", "--limit", "1", cwd=ran).stdout
    (reject,) = re.findall(r'"id": "(.*)"', rejected)
    assert "✗ collect" in medvlsynther("why", reject, cwd=ran).stdout


def test_list_names_every_choice(tmp_path: Path) -> None:
    text = medvlsynther("list", cwd=tmp_path).stdout
    for folder in ("recipes", "models", "prompts", "rubrics"):
        for name in catalog.names(folder):
            assert name in text
    for name in (*catalog.modules("stages"), "medsynvqa@5k-sft"):
        assert name in text


def test_init_writes_files_that_work(tmp_path: Path) -> None:
    assert medvlsynther("init", "mine", cwd=tmp_path).returncode == 0
    folder = tmp_path / "mine"
    (folder / "articles").mkdir()
    (folder / "articles" / "a.xml").write_text("<article/>")
    assert medvlsynther("plan", "my-audited.yaml", cwd=folder).returncode == 0
    again = medvlsynther("init", "mine", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


BAD = {
    "recipe": (("run", "quickstrat"), "Did you mean 'quickstart'"),
    "variant": (("run", "medsynvqa@5"), "Did you mean '5k'"),
    "stage": (("run", "quickstart", "--set", "verfy.model=x"), "Did you mean 'verify'"),
    "model": (("run", "quickstart", "--set", "verify.model=lexcial"), "Did you mean 'lexical'"),
    "setting": (("run", "quickstart", "--set", "verify.modle=x"), "No setting modle"),
    "path": (("run", "quickstart", "--set", "collect.path=nowhere"), "nowhere"),
    "empty": (("run", "quickstart", "--set", "collect.path=."), "Nothing to read"),
    "source": (("run", "quickstart", "--set", "collect.source=pcm"), "Did you mean 'pmc'"),
    "site": (("run", "quickstart", "--site", "no.yaml"), "No site file"),
    "id": (("why", "nothing#1"), "No row or reject"),
    "undone": (("show", "quickstart"), "is not done yet"),
    "server": (("run", "quickstart", "--set", "generate.model=glm-4.5v"), "No base_url"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(case: str, tmp_path: Path) -> None:
    arguments, message = BAD[case]
    done = medvlsynther(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_store_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    done = medvlsynther("run", "quickstart", cwd=tmp_path)
    assert (done.returncode, "Cannot write the store" in done.stderr) == (2, True)


@pytest.mark.parametrize("verb", catalog.modules("cli"))
def test_every_verb_explains_itself_with_an_example(verb: str, tmp_path: Path) -> None:
    text = medvlsynther(verb, "--help", cwd=tmp_path).stdout
    assert f"medvlsynther {verb}" in text


def commands(document: Path) -> list[str]:
    """The medvlsynther commands in the document's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() if " #" in line else line.strip() for b in blocks for line in b.splitlines()]
    return [line for line in lines if line.startswith("medvlsynther ")]


def test_documents_hold_commands() -> None:
    assert sum(len(commands(document)) for document in DOCUMENTS) >= 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_verb_and_recipe_in_the_documents_exists(document: Path) -> None:
    for line in commands(document):
        words = line.split()
        assert words[1] in catalog.modules("cli"), line

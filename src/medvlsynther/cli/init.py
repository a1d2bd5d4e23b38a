"""`medvlsynther init`."""

from pathlib import Path
from typing import Annotated

import typer

from medvlsynther import catalog
from medvlsynther.cli._printing import say
from medvlsynther.errors import StoreTrouble
from medvlsynther.pipeline.site import DEFAULT

SITE = """\
# Where and on what medvlsynther runs. Nothing in this file changes a result.
store: store                     # a folder, or s3://bucket/prefix
# workers: 8                     # processes for CPU work (default: all cores)
# executor: ray                  # CPU work on a Ray cluster instead
# ray: {address: auto}           # the cluster to join (default: one started here)
models:
  # One entry a model card; "*" serves every model without an entry of its own.
  "*":
    base_url: http://127.0.0.1:8000/v1
    # served_as: my-model        # name on the server (default: the card's repo)
    # key_env: OPENAI_API_KEY    # environment variable that holds the key
    # concurrency: 64
    # price_prompt: 0.0          # per million tokens
    # price_reply: 0.0
"""


def run(
    folder: Annotated[Path, typer.Argument(help="Folder to write into.")] = Path(),
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe to start from.")] = "audited",
) -> None:
    """Write a site file and a recipe of your own to start from.

    Example:

        medvlsynther init my-project
    """
    files = {
        folder / DEFAULT: SITE,
        folder / f"my-{Path(recipe).stem}.yaml": catalog.find("recipes", recipe).read_text(encoding="utf-8"),
    }
    there = [path for path in files if path.exists()]
    if there:
        raise StoreTrouble(f"{there[0]} exists already", mend="Name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        say(f"Wrote {path}")

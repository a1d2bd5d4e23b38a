"""`medvlsynther ask`."""

from pathlib import Path
from typing import Annotated

import typer

from medvlsynther.cli._printing import SiteFile, StoreFolder, say, site_of


def run(
    images: Annotated[list[Path] | None, typer.Argument(metavar="IMAGE…", help="Images, in order.")] = None,
    question: Annotated[str, typer.Option(help="The question.")] = "",
    options: Annotated[str, typer.Option(help='"first|second|…", or JSON.')] = "Yes|No",
    answer: Annotated[str, typer.Option(help="The key, as a letter or a text, to grade the answer.")] = "",
    model: Annotated[str, typer.Option(help="Model card.")] = "qwen2.5-vl-7b",
    prompt: Annotated[str, typer.Option(help="Prompt card.")] = "answer",
    site: SiteFile = None,
    store: StoreFolder = None,
) -> None:
    """Ask a model one question about images, and see its thoughts and its graded answer.

    Examples:

        medvlsynther ask scan.png --question "Which organ is shown?" --options "Liver|Spleen|Kidney"

        medvlsynther ask a.png b.png --question "Did it grow?" --options "Yes|No" --answer Yes --model glm-4.5v
    """
    from medvlsynther.ask import ask

    asked = ask(images or [], question, options, model=model, answer=answer, prompt=prompt, site=site_of(site, store))
    if asked.thoughts:
        say(asked.thoughts, style="dim")
        say()
    if asked.letter is None:
        say(f"No answer ({asked.reason}): {asked.reply}")
    else:
        say(f"{asked.letter}. {asked.chosen}", style="bold")
    if asked.correct is not None:
        key = asked.question.answer
        say("right" if asked.correct else f"wrong: the key is {key}. {asked.question.lettered[key]}")

"""`medvlsynther review`."""

import secrets
import socket
from pathlib import Path
from typing import Annotated

import typer

from medvlsynther.cli._printing import After, Ref, Sets, SiteFile, StoreFolder, recipe_of, run_of, say, site_of
from medvlsynther.errors import BadSetting, MissingExtra


def run(
    recipe: Ref,
    raters: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Reviewers who share the work (default: all see all).")
    ] = "",
    overlap: Annotated[float, typer.Option(help="Share of the items that all of them see, 0 to 1.")] = 0.2,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this at your own risk.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port (default: a free one).")] = 0,
    sets: Sets = None,
    site: SiteFile = None,
    store: StoreFolder = None,
    after: After = None,
) -> None:
    """Serve a local page on which people read a run's items beside their images, answer them blind, and decide.

    Decisions go to `reviews/<recipe>/<name>.jsonl` in the store, each on the disk before it is acknowledged.

    Examples:

        medvlsynther review quickstart

        medvlsynther review audited --raters ada,grace,rosalind --overlap 0.2
    """
    try:
        import uvicorn

        from medvlsynther.review.server import application
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "starlette", "review") from None
    from medvlsynther.review.log import rater_name
    from medvlsynther.review.queue import Plan
    from medvlsynther.review.shelf import Shelf

    where = site_of(site, store)
    names = tuple(rater_name(name) for name in raters.split(",") if name.strip())
    plan = Plan(names, overlap if names else 1.0)
    shelf = Shelf(run_of(where, recipe, sets, after))
    folder = Path(where.store) / "reviews" / recipe_of(recipe, sets, after).folder
    with _listening(host, port) as listener:
        bound = int(listener.getsockname()[1])
        token = secrets.token_urlsafe(24)
        app = application(shelf, folder, plan, token=token, host=host, port=bound)
        say(f"{len(shelf.entries):,} items. Decisions go to {folder}")
        say(f"http://{host}:{bound}/?token={token}", style="bold")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise BadSetting(f"Cannot listen on {host}:{port}: {error.strerror}", mend="Name another --port") from None

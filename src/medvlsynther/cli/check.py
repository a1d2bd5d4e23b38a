"""`medvlsynther check`."""

from medvlsynther.cli._printing import After, Ref, Sets, SiteFile, StoreFolder, recipe_of, say, site_of
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.readiness import ready


def run(recipe: Ref, sets: Sets = None, site: SiteFile = None, store: StoreFolder = None, after: After = None) -> None:
    """Check that a recipe can run: names, settings, wires, corpus, and that every model has an answering server.

    Example:

        medvlsynther check audited --site cluster.yaml
    """
    where = site_of(site, store)
    steps = plan(recipe_of(recipe, sets, after), cache=None)
    say(f"{recipe}: {len(steps)} steps are well wired.")
    for model, engine in ready(steps, where):
        say(f"{model}: {engine} is ready.")

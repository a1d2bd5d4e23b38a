"""The pages and what they call. Handlers are plain functions: Starlette runs them beside each other in threads."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from medvlsynther.catalog import ASSETS
from medvlsynther.errors import InputError, StoreTrouble, UserError
from medvlsynther.records import Item, Record
from medvlsynther.review import views
from medvlsynther.review.export import FORMS
from medvlsynther.review.guard import Guard
from medvlsynther.review.log import Logs, rater_name
from medvlsynther.review.posts import Answered, Decided, Paired, Tried, Undone
from medvlsynther.review.queue import ORDERS, Filter, Plan, queue
from medvlsynther.review.shelf import Shelf
from medvlsynther.rules import raters
from medvlsynther.rules.reviews import TAGS, Entry, pair_id, sound, wording
from medvlsynther.store.images import ImageStore

FOLDER = ASSETS / "review"
STATIC = {
    "icon.svg": "image/svg+xml",
    "review.css": "text/css; charset=utf-8",
    **dict.fromkeys(("base.js", "image.js", "dialogs.js", "review.js"), "text/javascript; charset=utf-8"),
}
IMAGES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif"}


class Review:
    """One run under review."""

    def __init__(self, shelf: Shelf, logs: Logs, plan: Plan) -> None:
        self.shelf, self.logs, self.plan = shelf, logs, plan
        self.images = ImageStore(shelf.run.store.images)

    # --------------------------------------------------------------------------------------------- pages

    def front(self, request: Request) -> Response:
        """The reviewing page, or the question who is there."""
        given = request.query_params.get("rater", "")
        if not given:
            return _page("enter.html.jinja", run=self.shelf.run.name, raters=self._names(), fault="")
        try:
            name = rater_name(given)
        except UserError as error:
            return _page("enter.html.jinja", 400, run=self.shelf.run.name, raters=self._names(), fault=str(error))
        if name != given:
            return RedirectResponse(f"/?rater={name}", 303)
        return _page(
            "review.html.jinja",
            run=self.shelf.run.name,
            rater=name,
            tags=TAGS,
            orders=ORDERS,
            choices=self._choices(),
            pairs=len(self.shelf.pairs),
            notices=self._notices(),
        )

    def _names(self) -> list[str]:
        return sorted({*self.plan.raters, *self.logs.raters()})

    def _choices(self) -> dict[str, list[str]]:
        entries = self.shelf.entries
        return {
            "type": sorted({entry.kind[0] for entry in entries} - {""}),
            "modality": sorted({entry.kind[1] for entry in entries} - {""}),
            "anatomy": sorted({entry.kind[2] for entry in entries} - {""}),
            "band": sorted({entry.band for entry in entries}),
            "criterion": sorted({name for entry in entries for name in entry.failed}),
            "rule": sorted({name for entry in entries for name in entry.rules}),
        }

    def _notices(self) -> list[str]:
        run, found = self.shelf.run, []
        if run.to_do:
            found.append(f"This run is not finished. Still to do: {', '.join(run.to_do)}.")
        holders = sorted(path.stem for path in run.store.locks.glob("*.holder"))
        if holders:
            found.append(f"This store is in use: {', '.join(holders)} is being written now.")
        for rater in self.logs.raters():
            self.logs.sheet(rater)
        found += [
            f"Lines in the log of {rater} that cannot be read, cut short or spoilt: {count}. All others count."
            for rater, count in sorted(self.logs.damaged.items())
        ]
        return found

    def statistics(self, request: Request) -> Response:
        """How reviewers answer and agree."""
        decisions = list(self.logs.decisions())
        passed = {entry.item_id: entry.passed for entry in self.shelf.entries}
        found = raters.against_rubric(decisions)
        whole = raters.against_verdicts(decisions, passed.get)
        return _page(
            "statistics.html.jinja",
            run=self.shelf.run.name,
            rater=request.query_params.get("rater", ""),
            raters=raters.raters(decisions),
            agreements=raters.agreements(decisions),
            against=[*([whole] if whole.items else []), *found],
            items=len({each.item_id for each in decisions}),
            forms=list(FORMS),
        )

    # --------------------------------------------------------------------------------------------- reading

    def queue(self, request: Request) -> Response:
        """Places of the items that a reviewer is to see, and those already decided."""
        asked = request.query_params
        rater = rater_name(asked.get("rater", ""))
        given = {name: asked[name][:200] for name in Filter.__dataclass_fields__ if name in asked}
        decisions = list(self.logs.decisions()) if given.get("order") == "disagreements" else ()
        places = queue(self.shelf.entries, self.plan, rater, Filter(**given), decisions)
        done = self.logs.sheet(rater).latest("decision")
        return _json(
            {
                "places": places,
                "done": [place for place in places if self.shelf.entries[place].item_id in done],
                "total": len(self.shelf.entries),
            }
        )

    def item(self, request: Request) -> Response:
        """One item, blind until this reviewer answered it."""
        return _json(self._told(self._place(request.path_params["place"]), rater_name(request.query_params["rater"])))

    def _place(self, place: int) -> int:
        if not 0 <= place < len(self.shelf.entries):
            raise HTTPException(404, "There is no such item")
        return place

    def _told(self, place: int, rater: str) -> dict[str, Any]:
        sheet = self.logs.sheet(rater)
        item, figure = self.shelf.item(place), self.shelf.figure(place)
        answer = sheet.answers.get(item.item_id)
        decision = sheet.latest("decision").get(item.item_id)
        told = views.blind(place, item, figure, self.images)
        told["state"] = views.state(answer, decision)
        # Linting waits for vocabularies, and a blind reviewer sees nothing of it.
        told["whole"] = views.whole(self.shelf, place, self.shelf.shown(place)) if answer or decision else None
        return told

    def image(self, request: Request) -> Response:
        """The bytes of a stored image; never anything that could run."""
        digest = request.path_params["sha256"]
        try:
            data = self.images.read(digest)
            kind = IMAGES.get(self.images.suffix(digest), "application/octet-stream")
        except InputError as error:
            raise HTTPException(404, error.reason.replace("_", " ")) from None
        headers = {"content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, max-age=3600"}
        return Response(data, media_type=kind, headers=headers)

    def pair(self, request: Request) -> Response:
        """One pair of images."""
        place = request.path_params["place"]
        if not 0 <= place < len(self.shelf.pairs):
            raise HTTPException(404, "There is no such pair")
        told = views.pair_view(self.shelf, place, self.images)
        said = self.logs.sheet(rater_name(request.query_params["rater"])).latest("pair").get(told["id"])
        return _json({**told, "same": said.same if said else None, "count": len(self.shelf.pairs)})

    def export(self, request: Request) -> Response:
        """All decisions as a file."""
        form = request.path_params["form"]
        if form not in FORMS:
            raise HTTPException(404, "There is no such form")
        write, kind = FORMS[form]
        headers = {"content-disposition": f'attachment; filename="decisions.{form}"'}
        return Response(write(list(self.logs.decisions())), media_type=kind, headers=headers)

    # --------------------------------------------------------------------------------------------- saving

    def answer(self, said: Answered) -> Response:
        """Keep a blind answer, then show the rest."""
        item = self.shelf.item(self._place(said.place))
        if said.letter is not None and said.letter not in item.lettered:
            raise HTTPException(422, "There is no such option")
        correct = None if said.letter is None else said.letter == item.answer
        entry = Entry(
            kind="answer",
            item_id=item.item_id,
            at=_now(),
            letter=said.letter,
            correct=correct,
            seconds=round(said.seconds, 1),
            seen=wording(item),
        )
        self.logs.add(rater_name(said.rater), entry)
        return _json(self._told(said.place, rater_name(said.rater)))

    def decide(self, said: Decided) -> Response:
        """Keep a decision; an edit is linted once more, and refused where it is no question any more."""
        item = self.shelf.item(self._place(said.place))
        if said.seen != wording(item):
            raise HTTPException(409, "The item has changed since; load it again")
        if unknown := [tag for tag in said.tags if tag not in TAGS]:
            raise HTTPException(422, f"There is no tag {unknown[0][:40]!r}")
        draft = said.draft
        if (said.decision == "edit") != (draft is not None):
            raise HTTPException(422, "An edit needs its words, and nothing else has any")
        if draft and not sound(draft.question, draft.options, draft.key):
            raise HTTPException(422, "An edited item needs a stem, two to ten options and a key")
        words = draft.model_dump() if draft else {}
        entry = Entry(
            kind="decision",
            item_id=item.item_id,
            at=_now(),
            decision=said.decision,
            tags=said.tags,
            note=said.note,
            rulings=said.rulings,
            seen=said.seen,
            **words,
        )
        self.logs.add(rater_name(said.rater), entry)
        return _json({"saved": True})

    def undo(self, said: Undone) -> Response:
        """Take back the last decision; gives what it was about."""
        rater = rater_name(said.rater)
        stack = self.logs.sheet(rater).stack
        if not stack:
            return _json({"kind": None})
        last = stack[-1]
        self.logs.add(rater, Entry(kind="undo", item_id=last.item_id, at=_now()))
        pairs = [pair_id(pair) for pair in self.shelf.pairs] if last.kind == "pair" else []
        place = pairs.index(last.item_id) if last.item_id in pairs else self.shelf.by_id.get(last.item_id)
        return _json({"kind": last.kind, "place": place})

    def lint(self, said: Tried) -> Response:
        """What the linter says of an edit, and what it changes."""
        place = self._place(said.place)
        old = self.shelf.item(place)
        draft = said.draft
        new = old.model_copy(update={"question": draft.question, "options": draft.options, "answer": draft.key})
        return _json(
            {
                "sound": sound(draft.question, draft.options, draft.key),
                "notes": [note.model_dump() for note in self.shelf.lint(new, self.shelf.figure(place))],
                "difference": views.difference(_lines(old), _lines(new)),
            }
        )

    def adjudicate(self, said: Paired) -> Response:
        """Keep a word on a pair."""
        if not 0 <= said.place < len(self.shelf.pairs):
            raise HTTPException(404, "There is no such pair")
        name = pair_id(self.shelf.pairs[said.place])
        self.logs.add(rater_name(said.rater), Entry(kind="pair", item_id=name, at=_now(), same=said.same))
        return _json({"saved": True})


def _lines(item: Item) -> str:
    options = "\n".join(f"{letter}. {option}" for letter, option in item.lettered.items())
    return f"{item.question}\n{options}\nKey: {item.answer}"


def _now() -> float:
    return round(time.time(), 1)


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status)


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404, "There is no such file")
    return Response((FOLDER / name).read_bytes(), media_type=STATIC[name])


def _taking(kind: type[Record], handle: Callable[[Any], Response]) -> Callable[[Request], Any]:
    """A handler of posts: the body read as `kind`, then handled in a thread."""

    async def endpoint(request: Request) -> Response:
        try:
            said = kind.model_validate_json(await request.body())
        except ValidationError as error:
            return _refused(422, error.errors(include_url=False)[0]["msg"])
        return await run_in_threadpool(handle, said)

    return endpoint


def _refused(status: int, why: str) -> Response:
    return Response(orjson.dumps({"error": why}), status, media_type="application/json")


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(error.status_code, error.detail)


async def _user_error(_: Request, error: Exception) -> Response:
    return _refused(507 if isinstance(error, StoreTrouble) else 400, str(error))


def application(shelf: Shelf, folder: Path, plan: Plan, *, token: str, host: str, port: int) -> Guard:
    """The whole ASGI application; `folder` holds the reviewers' logs."""
    review = Review(shelf, Logs(folder), plan)
    # While the reviewer reads the first stem; whoever answers sooner waits no longer than without.
    threading.Thread(target=shelf.warm, daemon=True).start()
    posts: dict[str, tuple[type[Record], Callable[[Any], Response]]] = {
        "/api/answer": (Answered, review.answer),
        "/api/decide": (Decided, review.decide),
        "/api/undo": (Undone, review.undo),
        "/api/lint": (Tried, review.lint),
        "/api/pair": (Paired, review.adjudicate),
    }
    gets: dict[str, Callable[[Request], Response]] = {
        "/": review.front,
        "/statistics": review.statistics,
        "/api/queue": review.queue,
        "/api/item/{place:int}": review.item,
        "/api/pair/{place:int}": review.pair,
        "/image/{sha256}": review.image,
        "/export/decisions.{form}": review.export,
        "/static/{name}": _static,
    }
    routes = [Route(path, _taking(kind, handle), methods=["POST"]) for path, (kind, handle) in posts.items()]
    routes += [Route(path, endpoint) for path, endpoint in gets.items()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, UserError: _user_error})
    return Guard(app, token, host, port)


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)

"""The servers of one model: which of them takes the next request, and when they are gone altogether."""

import os
import time
from collections import OrderedDict
from typing import Any

from yarl import URL

from medvlsynther.engines._http import Outcome
from medvlsynther.engines._limiter import Limiter, shared
from medvlsynther.engines._servers import KINDS, Kind, model_names
from medvlsynther.engines.base import Endpoint
from medvlsynther.errors import BadSetting, EngineRefused

DOWN_FIRST_S = 1.0
DOWN_MOST_S = 30.0
"""How long an unreachable server is left alone: doubled from the first to the longest."""
GONE_S = 120.0
"""Servers that were there, and are all unreachable for this long, are gone."""
HELD_MOST = 4096
"""Images a server is thought to hold by name."""
MISSES_MOST = 32
"""After so many misses, and more misses than hits, images always travel."""


class Server:
    """One base URL: its limiter, whether it is up, and which images it holds."""

    def __init__(self, base_url: str, limiter: Limiter) -> None:
        self.base_url = base_url.rstrip("/")
        self.limiter = limiter
        self.kind: Kind = KINDS["other"]
        self.listing: Any = None
        """What `GET models` gave, if anything."""
        self.answered_s = float("-inf")
        """When it last said anything."""
        self.down_until_s = float("-inf")
        self._falls = 0
        self._held: OrderedDict[str, None] = OrderedDict()
        self._hits = self._misses = 0

    def url(self, path: str, model: str = "") -> URL:
        """A URL below the base; the model's name takes its place in the path."""
        return URL(f"{self.base_url}/{path.replace('{model}', model.removeprefix('models/'))}")

    def up(self) -> None:
        """It answered."""
        self.answered_s = time.monotonic()
        self.down_until_s, self._falls = float("-inf"), 0

    def down(self) -> None:
        """It could not be reached; what many requests find out at the same time counts once."""
        if time.monotonic() < self.down_until_s:
            return
        self._falls += 1
        self.down_until_s = time.monotonic() + min(DOWN_FIRST_S * 2.0 ** min(self._falls - 1, 10), DOWN_MOST_S)
        self._held.clear()

    def holds(self, sha256: str) -> bool:
        """Whether an image need not travel again."""
        return sha256 in self._held and (self._misses < MISSES_MOST or self._misses <= self._hits)

    def has_seen(self, sha256: str) -> None:
        """An image was in a request that it answered."""
        if sha256 in self._held:
            self._hits += 1
        self._held[sha256] = None
        self._held.move_to_end(sha256)
        if len(self._held) > HELD_MOST:
            self._held.popitem(last=False)

    def has_dropped(self, sha256: str) -> None:
        """It did not have an image that it was thought to hold."""
        self._misses += 1
        self._held.pop(sha256, None)


class Fleet:
    """All servers of one endpoint, and the words for refusing on their behalf."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        urls = (endpoint.base_url,) if isinstance(endpoint.base_url, str) else endpoint.base_url
        where = f"site endpoint of {model}"
        if not urls:
            raise BadSetting("No base_url", where=where, mend='Give the server\'s URL, up to and with "/v1"')
        self.model = model
        self._key_env = endpoint.key_env
        self._key: str | None = None
        self.servers = [
            Server(
                _checked(url, where),
                shared(
                    url,
                    model,
                    endpoint.concurrency,
                    requests_per_minute=endpoint.requests_per_minute,
                    tokens_per_minute=endpoint.tokens_per_minute,
                ),
            )
            for url in urls
        ]

    def key(self) -> str | None:
        """The key, from its environment variable.

        Raises: EngineRefused when the variable is not set, or holds what no header can.
        """
        if self._key_env is None:
            return None
        key = os.environ.get(self._key_env, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise EngineRefused(
                f"The environment variable {self._key_env} holds no key",
                where=_shown(self.servers[0].base_url),
                mend=f"export {self._key_env}=… with a valid key",
            )
        self._key = key
        return key

    def choose(self) -> Server:
        """The server with the least load among those that are up, or that are to be tried again."""
        now_s = time.monotonic()
        return min(self.servers, key=lambda server: (server.down_until_s > now_s, server.limiter.load))

    def rest_s(self) -> float:
        """Seconds until a server may be tried again; 0 while one is up.

        Raises: EngineRefused when all are gone for long.
        """
        now_s = time.monotonic()
        rest_s = min(server.down_until_s for server in self.servers) - now_s
        if rest_s <= 0.0:
            return 0.0
        if now_s - max(server.answered_s for server in self.servers) > GONE_S:
            raise self.refusal(self.servers[0], Outcome("unreachable", detail=f"Nothing answers for {GONE_S:g} s"))
        return rest_s

    def scrubbed(self, detail: str) -> str:
        """A server's words without the key, should they repeat it."""
        return detail.replace(self._key, "[key]") if self._key else detail

    def refusal(self, server: Server, outcome: Outcome) -> EngineRefused:
        """Why no request can succeed, where, and the mend."""
        what = self.scrubbed(outcome.detail)
        if outcome.status in (401, 403):
            what = f"The server rejects the key (HTTP {outcome.status})"
            mend = (
                f"Put a valid key into the environment variable {self._key_env}"
                if self._key_env
                else "Name the environment variable that holds the key as key_env in the site file"
            )
        elif outcome.status == 402:
            mend = "Add credit or raise the quota, then run again: what was answered is not asked again"
        elif outcome.status in (404, 405):
            names = ", ".join(model_names(server.listing)[:10])
            what = f"No model {self.model!r}, or nothing at all, is served here ({what})"
            mend = f"Set served_as to one of: {names}" if names else 'Mend base_url (up to and with "/v1") or served_as'
        elif outcome.word == "unreachable":
            mend = "Start the server, or mend base_url in the site file, then run again"
        else:
            mend = "Mend the site file or the server, then run again: what was answered is not asked again"
        return EngineRefused(what, where=_shown(server.base_url), mend=mend)

    def check_listing(self, server: Server) -> None:
        """Refuse a model that a server which lists all its models does not list.

        Raises: EngineRefused.
        """
        names = model_names(server.listing)
        if server.kind.strict_names and names and self.model not in names:
            raise self.refusal(server, Outcome("refused", detail="not in its list", status=404))


def _checked(url: str, where: str) -> str:
    try:
        parsed = URL(url)
        sound = parsed.scheme in ("http", "https") and bool(parsed.host) and parsed.port is not None
    except ValueError:
        sound = False
    if not sound:
        raise BadSetting(f"{url!r} is no base_url", where=where, mend='Give a URL such as "http://localhost:8000/v1"')
    return url


def _shown(url: str) -> str:
    """A URL without user, password and query."""
    return str(URL(url).with_user(None).with_query(None))

"""Who may ask. Everything is refused but our own page, opened with our own token, on this machine.

Token in the address once, then a cookie that no other site is sent; Host checked against rebinding, Origin against
posts of other sites; a strict policy for what the page itself may do.
"""

from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "medvlsynther_review"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
LARGEST_BODY = 1 << 20
"""Bytes of a post."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, token: str, host: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._cookie = f"{COOKIE}_{port}"
        self._hosts = {f"{name}:{port}" for name in (*LOOPBACK, host)} | ({*LOOPBACK, host} if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, let in, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        answer = self._answer(scope, headers)
        await (answer or self._app)(scope, receive, sending)

    def _answer(self, scope: Scope, headers: Headers) -> PlainTextResponse | RedirectResponse | None:
        """What to say instead of the application; None where it may speak."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return PlainTextResponse("This is not the address of this page.", 421)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if given:
            return self._enter(scope, given[0])
        if not self._knows(headers):
            return PlainTextResponse("Open the whole address that the command printed, with its token.", 403)
        if scope["method"] not in ("GET", "HEAD"):
            return self._posted(host, headers)
        return None

    def _enter(self, scope: Scope, given: str) -> PlainTextResponse | RedirectResponse:
        if not compare_digest(given.encode(), self._token) or scope["method"] != "GET":
            return PlainTextResponse("The token is wrong.", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, given, httponly=True, samesite="strict", path="/")
        return answer

    def _knows(self, headers: Headers) -> bool:
        try:
            held = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return held is not None and compare_digest(held.value.encode(), self._token)

    def _posted(self, host: str, headers: Headers) -> PlainTextResponse | None:
        if headers.get("origin", "").lower() != f"http://{host}":
            return PlainTextResponse("Another site may not post here.", 403)
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return PlainTextResponse("Only JSON is taken.", 415)
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return PlainTextResponse("Too much at once.", 413)
        return None

"""The console's WSGI application: checks each request, finds its page, and turns errors into pages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from scripts.aws.failures import AwsError, explain
from scripts.console.guard import ENTRY, RefusedError
from scripts.console.pages import comparing, executions, monitoring, previews, service, trying, versions
from scripts.console.site import FOLDER, Route, Site
from scripts.errors import ScriptError
from steps.report.style import STYLE

logger = logging.getLogger(__name__)

# The largest form, and the largest with a file.
_MOST_BYTES, _MOST_FILE_BYTES = 64 * 1024, 10_000_000
# A larger form is still read to its end up to here, because browsers show no answer before that.
_MOST_DISCARDED = 200_000_000
# No script or style in a page, nothing from elsewhere, and no page of another origin around it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With `no-referrer`, browsers send forms with the origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Console:
    """The application."""

    def __init__(self, site: Site) -> None:
        self.site = site
        style = f"{STYLE}\n{(FOLDER / 'static' / 'console.css').read_text(encoding='utf-8')}"
        self._files = {
            "console.js": (
                (FOLDER / "static" / "console.js").read_bytes(),
                "text/javascript; charset=utf-8",
            ),
            "style.css": (style.encode(), "text/css; charset=utf-8"),
            "htmx.min.js": (
                (FOLDER / "static" / "htmx.min.js").read_bytes(),
                "text/javascript; charset=utf-8",
            ),
        }
        rules = [Rule(path, methods=[method], endpoint=view) for method, path, view in ROUTES]
        rules.append(Rule("/static/<name>", methods=["GET"], endpoint=self._file))
        # No redirections: an address is written in one way.
        self._routes = Map(rules, merge_slashes=False)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        has_file = request.mimetype == "multipart/form-data"
        request.max_content_length = _MOST_FILE_BYTES if has_file else _MOST_BYTES
        request.max_form_memory_size = _MOST_BYTES
        with request:  # closes a sent file
            response = self._answer(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _answer(self, request: Request) -> Response:
        try:
            self.site.guard.check(request)
        except RefusedError as error:
            # A refused request gets no page of the console.
            return _text(str(error), error.status)
        except RequestEntityTooLarge:
            _discard(request)
            problem = f"A form can have at most {_MOST_BYTES:,} bytes, or with a file {_MOST_FILE_BYTES:,}."
            commands = "`bankruptcy model preview --on FILE` or `bankruptcy outcomes upload FILE`"
            hint = f"For larger files, use {commands}."
            return self._error(request, 413, problem, self.site.commands.complete(hint))
        except HTTPException as error:  # such as a form that ends too early
            return _text(error.description or error.name, error.code or 400)
        try:
            return self._page(request)
        except HTTPException as error:
            return self._error(request, error.code or 404, error.description or error.name, "")
        except Exception as error:
            known = error if isinstance(error, ScriptError) else explain(error)
            if known is None:
                logger.exception("The console failed at %s", request.path)
                known = ScriptError("The console failed.", "The terminal in which it runs shows the error.")
            status = 400 if known is error or isinstance(known, AwsError) else 500
            return self._error(request, status, known.problem, self.site.commands.complete(known.hint))

    def _page(self, request: Request) -> Response:
        if request.path == ENTRY:
            return self._enter(request)
        view, values = self._routes.bind_to_environ(request.environ).match()
        return view(self.site, request, **values)

    def _error(self, request: Request, status: int, problem: str, hint: str) -> Response:
        return self.site.page(request, "error.html", status, problem=problem, hint=hint)

    def _enter(self, request: Request) -> Response:
        """Exchange the printed token for a cookie."""
        guard = self.site.guard
        if not guard.admit(request.args.get("token", "")):
            return _text(
                "This address has been used, or is not the one that `bankruptcy console` has printed. If "
                "another browser has used it, start the console again.",
                403,
            )
        response = redirect("/", 303)
        response.set_cookie(guard.cookie, guard.session, httponly=True, samesite="Strict", path="/")
        return response

    def _file(self, _site: Site, _request: Request, name: str) -> Response:
        if name not in self._files:
            return _text("There is no such file.", 404)
        content, kind = self._files[name]
        return Response(content, content_type=kind)


def _home(_site: Site, _request: Request) -> Response:
    return redirect("/executions")


def _discard(request: Request) -> None:
    """Read the rest of a request, up to a limit."""
    # The stream knows how much of the request was already read. Without its limit, it is read to its end.
    request.max_content_length = None
    left = _MOST_DISCARDED
    # The client can be gone, and a chunked request keeps its limit.
    with suppress(HTTPException):
        while left > 0 and (read := request.stream.read(1 << 20)):
            left -= len(read)


def _text(text: str, status: int) -> Response:
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")


# The pages and the changes that they offer.
ROUTES: tuple[Route, ...] = (
    ("GET", "/", _home),
    *executions.ROUTES,
    *versions.ROUTES,
    *comparing.ROUTES,
    *previews.ROUTES,
    *trying.ROUTES,
    *service.ROUTES,
    *monitoring.ROUTES,
)

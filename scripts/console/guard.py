"""Decides which requests the console answers: those of the one browser that opened its printed address."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from typing import Any

ENTRY = "/enter"
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
# A page of another port on this machine is of the same site, so its requests carry the cookie as well.
_OWN_SITES = (None, "none", "same-origin")
# Forms that change nothing; they send a file, which an address can't hold.
_READING = re.compile(r"/versions/[0-9]+/preview")


class RefusedError(Exception):
    """The console does not answer a request.

    Attributes
    ----------
    status : int
        The HTTP status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """The secrets of one run of the console, and the checks of its requests.

    Parameters
    ----------
    port
        The port that the console listens on.
    read_only
        Whether every request that could change something is refused.
    """

    def __init__(self, port: int, *, read_only: bool) -> None:
        self.cookie = f"bankruptcy-console-{port}"
        self.form_token = secrets.token_urlsafe(32)
        self.session = secrets.token_urlsafe(32)
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self._read_only = read_only
        self._ticket: str | None = secrets.token_urlsafe(32)
        self._entering = threading.Lock()
        self.entry_url = f"http://{self._hosts[0]}{ENTRY}?token={self._ticket}"

    def admit(self, token: str) -> bool:
        """Return whether a token opens the console; it does so once."""
        with self._entering:
            is_known = self._ticket is not None and _equal(token, self._ticket)
            if is_known:
                self._ticket = None
            return is_known

    def check(self, request: Any) -> None:
        """Check a werkzeug request before anything else looks at it.

        Raises
        ------
        RefusedError
            If the request does not come from the console's own pages in an admitted browser, or if it
            would change something and the console is read-only.
        """
        if request.headers.get("Host") not in self._hosts:
            raise RefusedError(421, f"The console only answers at http://{self._hosts[0]}.")
        if request.method not in ("GET", "HEAD", "POST"):
            raise RefusedError(405, "The console only answers GET, HEAD and POST.")
        if request.path == ENTRY:
            return
        if request.headers.get("Sec-Fetch-Site") not in _OWN_SITES:
            raise RefusedError(403, "The request comes from a page that is not the console's.")
        if not _equal(request.cookies.get(self.cookie, ""), self.session):
            raise RefusedError(
                403,
                "This browser has not been admitted. Open the address that `bankruptcy console` has printed. "
                "It works once; to use another browser, start the console again.",
            )
        if request.method == "POST":
            self._check_change(request)

    def _check_change(self, request: Any) -> None:
        if self._read_only and not _READING.fullmatch(request.path):
            raise RefusedError(403, "The console was started with --read-only.")
        if request.headers.get("Origin") != f"http://{request.headers['Host']}":
            raise RefusedError(403, "The form comes from a page that is not the console's.")
        if not _equal(request.form.get(FORM_TOKEN, ""), self.form_token):
            raise RefusedError(403, "The form is from an earlier run of the console. Load the page again.")


def _equal(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())

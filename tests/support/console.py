"""A browser of the console without a network: werkzeug's test client with the cookie that admits it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from werkzeug.test import Client

from scripts.aws.session import Aws
from scripts.console.app import Console
from scripts.console.guard import Guard
from scripts.console.site import Commands, Site

PORT = 4680
ORIGIN = f"http://127.0.0.1:{PORT}"
COMMANDS = Commands(
    lambda words: f"bankruptcy {words} --local",
    lambda text: re.sub(r"`(bankruptcy [^`]*)`", r"`\1 --local`", text),
)


class Visitor:
    """A browser at a console.

    Parameters
    ----------
    admitted
        Whether it has opened the printed address.
    """

    def __init__(self, aws: Aws, *, read_only: bool = False, admitted: bool = True) -> None:
        self.guard = Guard(PORT, read_only=read_only)
        self.site = Site(aws, self.guard, COMMANDS, read_only=read_only)
        self.client = Client(Console(self.site))
        if admitted:
            assert self.client.get(self.guard.entry_url.removeprefix(ORIGIN), ORIGIN).status_code == 303

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, ORIGIN, **options)

    def page(self, path: str) -> str:
        """Return the text of a page without its tags."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return text_of(response)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Any:
        """Send a form as a page of the console does."""
        data = {"form_token": self.guard.form_token, **(fields or {})}
        return self.client.post(path, ORIGIN, data=data, headers={"Origin": ORIGIN, **headers})


def text_of(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.text.partition("</head>")[2])).split())

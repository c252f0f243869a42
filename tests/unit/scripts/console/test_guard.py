"""The console only answers the browser that opened its printed address, and only its own forms."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.console import ORIGIN, Visitor, text_of
from support.repository import ROOT
from werkzeug.test import Client

from pipeline.project import Project
from scripts.aws.session import Aws

HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
STYLE = "/static/style.css"


@pytest.fixture
def aws() -> Aws:
    # The checks come before anything that asks AWS.
    client = SimpleNamespace(meta=SimpleNamespace(endpoint_url="http://127.0.0.1:4600"))
    session = SimpleNamespace(client=lambda *_, **__: client)
    return Aws(cast("Any", session), Project("bankruptcy", "123456789012", "eu-west-1"))


def test_the_printed_address_works_once(aws: Aws) -> None:
    visitor = Visitor(aws, admitted=False)
    assert visitor.get(STYLE).status_code == 403
    assert visitor.get("/enter?token=guessed").status_code == 403
    entry = visitor.guard.entry_url.removeprefix(ORIGIN)
    admitted = visitor.get(entry)
    assert (admitted.status_code, admitted.location) == (303, "/")
    cookie = admitted.headers["Set-Cookie"]
    assert cookie.startswith("bankruptcy-console-4680=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    assert visitor.guard.session not in entry
    assert visitor.get(STYLE).status_code == 200
    # The same address admits no other browser.
    assert Client(visitor.client.application).get(entry, ORIGIN).status_code == 403


@pytest.mark.parametrize("path", ["/", "/executions", "/executions/start", STYLE, "/nothing"])
def test_without_the_cookie_there_is_no_page(aws: Aws, path: str) -> None:
    visitor = Visitor(aws, admitted=False)
    answer = visitor.get(path, headers={"Cookie": "bankruptcy-console-4680=guessed"})
    assert answer.status_code == 403
    assert "<" not in answer.text


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1", "127.0.0.1:80", "attacker.example:4680"])
def test_another_host_is_refused(aws: Aws, host: str) -> None:
    visitor = Visitor(aws)
    assert visitor.get(STYLE, headers={"Host": host}).status_code == 421
    assert visitor.get(visitor.guard.entry_url, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_from_other_pages_are_refused(aws: Aws, site: str) -> None:
    assert Visitor(aws).get(STYLE, headers={"Sec-Fetch-Site": site}).status_code == 403


@pytest.mark.parametrize("origin", ["http://attacker.example", "http://127.0.0.1:9999", "null", ""])
def test_a_form_of_another_origin_is_refused(aws: Aws, origin: str) -> None:
    answer = Visitor(aws).post("/executions/x/stop", Origin=origin)
    assert (answer.status_code, answer.text) == (
        403,
        "The form comes from a page that is not the console's.\n",
    )


@pytest.mark.parametrize("token", ["", "guessed"])
def test_a_form_needs_its_token(aws: Aws, token: str) -> None:
    answer = Visitor(aws).post("/executions/x/stop", {"form_token": token})
    assert answer.status_code == 403
    assert "Load the page again" in answer.text


def test_read_only_refuses_every_change(aws: Aws) -> None:
    answer = Visitor(aws, read_only=True).post("/executions/x/stop")
    assert (answer.status_code, answer.text) == (403, "The console was started with --read-only.\n")


def test_long_forms_and_other_methods_are_refused(aws: Aws) -> None:
    visitor = Visitor(aws)
    assert visitor.post("/executions/start", {"InputDataUri": "x" * 100_000}).status_code == 413
    assert visitor.client.delete("/executions", ORIGIN).status_code == 405
    assert visitor.post("/executions").status_code == 405


def test_a_long_form_whose_client_has_gone_is_refused_without_a_failure(aws: Aws) -> None:
    # GIVEN a form that ends before its announced length
    announced = {"CONTENT_LENGTH": "100000"}
    client = Visitor(aws).client
    answer = client.post(
        "/executions/start", ORIGIN, data={"x": "x"}, headers={"Origin": ORIGIN}, environ_overrides=announced
    )
    assert answer.status_code == 413


def test_every_answer_has_a_strict_policy(aws: Aws) -> None:
    visitor = Visitor(aws)
    for answer in (visitor.get(STYLE), visitor.get("/nothing"), visitor.get("/")):
        policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_unknown_address_is_a_page_that_leads_back(aws: Aws) -> None:
    answer = Visitor(aws).get("/nothing")
    assert answer.status_code == 404
    assert "This did not work" in text_of(answer)
    assert 'href="/executions"' in answer.text


def test_htmx_is_unmodified() -> None:
    content = (ROOT / "scripts" / "console" / "static" / "htmx.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() == HTMX_SHA256
    assert HTMX_SHA256 in (ROOT / "NOTICE").read_text(encoding="utf-8")

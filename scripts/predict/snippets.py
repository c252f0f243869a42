"""Writes code that sends a company to the API without this project: a curl command and a Python program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from shlex import quote

_JSON = "Content-Type: application/json"


def curl_line(url: str, company: Mapping[str, float], *, key_required: bool) -> str:
    """Return a shell command that predicts and explains a company; it takes the API key from `$KEY`.

    Parameters
    ----------
    url
        The address of the stage.
    company
        The numbers by feature.
    """
    key = ' -H "x-api-key: $KEY"' if key_required else ""
    return f"curl{key} -H {quote(_JSON)} {quote(_address(url))} -d {quote(_body(company))}"


def python_lines(url: str, company: Mapping[str, float], *, key_required: bool) -> str:
    """Return a program that predicts and explains a company; it takes the API key from `KEY`.

    Parameters
    ----------
    url
        The address of the stage.
    company
        The numbers by feature.
    """
    headers = ['"Content-Type": "application/json"']
    if key_required:
        headers.append('"x-api-key": os.environ["KEY"]')
    return "\n".join(
        [
            f"import json{', os' if key_required else ''}, urllib.request",
            "",
            f"company = {json.dumps(company, indent=4, ensure_ascii=False)}",
            "request = urllib.request.Request(",
            f"    {_address(url)!r},",
            '    json.dumps({"features": company}).encode(),',
            f"    {{{', '.join(headers)}}},",
            ")",
            "print(json.load(urllib.request.urlopen(request)))",
        ]
    )


def _address(url: str) -> str:
    return f"{url}/predict?explain=true"


def _body(company: Mapping[str, float]) -> str:
    return json.dumps({"features": company}, ensure_ascii=False)

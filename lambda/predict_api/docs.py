"""The documentation page: Swagger UI from Powertools, whole within one page."""

from __future__ import annotations

from pathlib import Path

from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.event_handler.openapi.swagger_ui.html import generate_swagger_html


def page(document: str) -> str:
    """Return the page.

    Parameters
    ----------
    document
        The OpenAPI document as JSON.
    """
    assets = Path(swagger_ui.__file__).parent
    return generate_swagger_html(
        # The document stands inside a script element, which the text "</script>" would end.
        spec=document.replace("<", "\\u003c"),
        swagger_js=(assets / "swagger-ui-bundle.min.js").read_text("utf-8"),
        swagger_css=(assets / "swagger-ui.min.css").read_text("utf-8"),
        swagger_base_url="",
        oauth2_config=None,
    )

"""The documentation page: a self-contained page with the Swagger UI that Powertools ships."""

from __future__ import annotations

from pathlib import Path
from string import Template

from aws_lambda_powertools.event_handler.openapi import swagger_ui

# This replaces Powertools' own page, which has no viewport for phones, links its own JSON document and shows
# a server menu with one entry. validatorUrl is off because it would contact another host.
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style</style>
<style>
body { margin: 0; }
.swagger-ui .scheme-container .schemes .schemes-server-container { display: none; }
.swagger-ui .scheme-container .schemes { justify-content: flex-end; }
.swagger-ui .response-col_links { display: none; }
.swagger-ui .info { margin: 30px 0 20px; }
.swagger-ui .scheme-container { padding: 12px 0; }
.swagger-ui table.parameters, .swagger-ui .opblock-body pre.microlight { overflow-wrap: anywhere; }
</style>
</head>
<body>
<div id="docs"><noscript>This page needs JavaScript. GET /openapi.json has the same contents.</noscript></div>
<script>$script</script>
<script>
SwaggerUIBundle({
  spec: $document,
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
</script>
</body>
</html>
""")


def page(title: str, document: str) -> str:
    """Return the page.

    Parameters
    ----------
    title
        The API's name.
    document
        The OpenAPI document as JSON.
    """
    assets = Path(swagger_ui.__file__).parent
    return _PAGE.substitute(
        title=title,
        style=(assets / "swagger-ui.min.css").read_text("utf-8"),
        script=(assets / "swagger-ui-bundle.min.js").read_text("utf-8"),
        # The document is inside a script element, which the text "</script>" would end.
        document=document.replace("<", "\\u003c"),
    )

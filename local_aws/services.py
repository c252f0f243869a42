"""moto's services behind one WSGI application."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

_KNOWN_HOSTS = 256


class Services(DomainDispatcherApplication):  # type: ignore[misc]
    """Dispatches requests to the services, which are created when they get their first request."""

    def __init__(self) -> None:
        super().__init__(_service_app)
        # For each request, moto would read its folders and try a hundred patterns, twice.
        self.get_backend_for_host = lru_cache(_KNOWN_HOSTS)(super().get_backend_for_host)


def _service_app(service: str) -> Any:
    app = create_backend_app(service)
    # In debug mode, Flask keeps requests in reference cycles, so large bodies would stay in memory until the
    # next full garbage collection.
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = True  # `Front` turns exceptions into AWS errors
    return app

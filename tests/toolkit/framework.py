"""Stands in for the framework package of AWS's scikit-learn image, which no registry offers.

It calls the same code of sagemaker-containers: server, module loader, transformer and Flask worker.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sagemaker_containers.beta.framework import env, modules, transformer, worker


@cache
def application() -> Callable[..., Iterable[bytes]]:
    """Load the model's code and the model; return the WSGI application."""
    serving = env.ServingEnv()
    try:
        code = importlib.import_module(serving.module_name)
    except ImportError:
        code = modules.import_module(serving.module_dir, serving.module_name)
    handlers = transformer.Transformer(code.model_fn, code.input_fn, code.predict_fn, code.output_fn)
    handlers.initialize()
    app: Callable[..., Iterable[bytes]] = worker.Worker(
        transform_fn=handlers.transform,
        module_name=serving.module_name,
        execution_parameters_fn=getattr(code, "execution_parameters_fn", None),
    )
    return app


def main(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request. A worker's first request loads the model; if that fails, the next one tries again."""
    return application()(environ, start_response)

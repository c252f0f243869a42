"""What the image's own framework package does with a model's code, here with the same AWS package beneath it.

That package is not to be had from a registry; everything that it calls is: sagemaker-containers' server,
module loader, transformer and Flask worker.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sagemaker_containers.beta.framework import env, modules, transformer, worker


@cache
def application() -> Callable[..., Iterable[bytes]]:
    """Load the model's code and the model."""
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
    """Answer a request; the first one of a worker loads the model, and the next one if that fails."""
    return application()(environ, start_response)

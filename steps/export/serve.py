"""Entry point that SageMaker's serving container loads from a model's code/ folder."""

from inference.handlers import execution_parameters_fn, input_fn, model_fn, output_fn, predict_fn

__all__ = ["execution_parameters_fn", "input_fn", "model_fn", "output_fn", "predict_fn"]

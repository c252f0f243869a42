"""The program that SageMaker's serving container loads from a model's code/ folder."""

from inference.handlers import input_fn, model_fn, output_fn, predict_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]

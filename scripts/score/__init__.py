"""Scores a portfolio by SageMaker Batch Transform."""

"""Adapters that put the data plane behind moto's SageMaker API."""

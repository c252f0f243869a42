"""The SageMaker API: moto stores the resources, this room adds what moto lacks and runs the jobs."""

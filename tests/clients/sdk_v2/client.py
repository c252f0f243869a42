"""Uses the service with the SageMaker SDK 2: `client.py ACTION …` prints the result as its last line."""

from __future__ import annotations

import json
import sys

import sagemaker
from sagemaker.deserializers import BytesDeserializer
from sagemaker.model import ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.serializers import IdentitySerializer
from sagemaker.workflow.pipeline import Pipeline, _PipelineExecution


def main(action: str, *arguments: str) -> str | list[str]:
    """Run one action; return its result."""
    session = sagemaker.Session()
    if action == "start":
        name, uri = arguments
        pipeline = Pipeline(name=name, sagemaker_session=session)
        return str(pipeline.start(parameters={"InputDataUri": uri}).arn)
    if action == "list":
        found = Pipeline(name=arguments[0], sagemaker_session=session).list_executions()
        return [each["PipelineExecutionArn"] for each in found["PipelineExecutionSummaries"]]
    if action == "stop":
        _PipelineExecution(arn=arguments[0], sagemaker_session=session).stop()
        return ""
    if action == "approve":
        package = ModelPackage(role=None, model_package_arn=arguments[0], sagemaker_session=session)
        package.update_approval_status("Approved")
        return ""
    predictor = Predictor(
        arguments[0],
        sagemaker_session=session,
        serializer=IdentitySerializer("application/json"),
        deserializer=BytesDeserializer(),
    )
    return str(predictor.predict(arguments[1]).decode())


if __name__ == "__main__":
    # The SDK prints messages before.
    sys.stdout.write(f"\n{json.dumps(main(*sys.argv[1:]))}\n")

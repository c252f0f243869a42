"""Lambda functions for tests: as a zip, as a FunctionSpec, and created through boto3."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import boto3

from local_aws.functions.runtime import FunctionSpec, LambdaRuntime

REGION = "eu-west-1"
HANDLER = """
import logging, os, sys, time
import boto3, aws_lambda_powertools
STARTED = time.time()
count = 0

def handler(event, context):
    global count
    count += 1
    print("seen", event, flush=True)
    if event.get("do") == "raise":
        raise ValueError("no such company")
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(event["seconds"])
    if event.get("do") == "large":
        return "x" * 6_400_000
    if event.get("do") == "s3":
        return [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    logging.getLogger().warning("half a line without an end")
    sys.stdout.write("unfinished")
    return {"count": count, "pid": os.getpid(), "answer": os.environ["ANSWER"],
            "name": context.function_name, "arn": context.invoked_function_arn,
            "remaining": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb,
            "foreign": os.environ.get("FOREIGN")}
"""
# Fails the given number of times and writes down each attempt.
EVENTS = """
import json, os, pathlib

def handler(event, context):
    with pathlib.Path(event["file"]).open("a") as file:
        file.write(context.aws_request_id + "\\n")
    attempts = len(pathlib.Path(event["file"]).read_text().splitlines())
    if attempts <= event["failures"]:
        raise ValueError(f"attempt {attempts}")
    return {"attempts": attempts}
"""


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(
                zipfile.ZipInfo(name), text
            )  # without a time, so that the bytes are always the same
    return buffer.getvalue()


def spec(text: str = HANDLER, name: str = "f", **changes: Any) -> FunctionSpec:
    code = zipped({"package/__init__.py": "", "package/handler.py": text})
    function = FunctionSpec(
        name=name,
        arn=f"arn:aws:lambda:{REGION}:123456789012:function:{name}",
        handler="package.handler.handler",
        code=code,
        code_sha256=hashlib.sha256(code).hexdigest(),
        timeout=20,
        memory=256,
        environment={"ANSWER": "42"},
        role="arn:aws:iam::123456789012:role/f",
        log_group=f"/aws/lambda/{name}",
    )
    return replace(function, **changes)


def client(url: str, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def call(runtime: LambdaRuntime, function: FunctionSpec, event: dict[str, Any]) -> Any:
    answer = runtime.invoke(function, json.dumps(event).encode())
    return json.loads(answer.payload)


def create(url: str, name: str, text: str = HANDLER, **arguments: Any) -> str:
    iam = client(url, "iam")
    role = f"role-of-{name}"
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    answer = client(url, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=arn,
        Handler="package.handler.handler",
        Code={"ZipFile": zipped({"package/__init__.py": "", "package/handler.py": text})},
        Timeout=20,
        Environment={"Variables": {"ANSWER": "42"}},
        **arguments,
    )
    return str(answer["FunctionArn"])

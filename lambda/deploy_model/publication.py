"""The proof that an endpoint answers as its model was judged, and the publication of that model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, ReadTimeoutError

from deploy_model.registry import Package
from deploy_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

CONTRACT_KEY = "champion/contract.json"
MODEL_KEY = "champion/model.tar.gz"
TOLERANCE = 1e-6
_FAULTS_OF_MODEL = {"ModelError", "ModelNotReadyException"}


class UnfitPackageError(Exception):
    """The package can't be served as it was judged: trying again can't help."""


class NoAnswerError(Exception):
    """The endpoint did not answer; it may at the next try."""


@dataclass(frozen=True)
class Location:
    """A place in S3."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """Split an ``s3://bucket/key`` URI."""
        parts = urlsplit(uri)
        return cls(bucket=parts.netloc, key=parts.path.lstrip("/"))


class Publication:
    """Smoke test and publication of one package at a time."""

    def __init__(self, s3: S3Client, runtime: SageMakerRuntimeClient, settings: Settings) -> None:
        self._s3 = s3
        self._runtime = runtime
        self._settings = settings

    def contract_of(self, package: Package) -> dict[str, Any]:
        """Read the contract that was written beside a package's model.

        Raises
        ------
        UnfitPackageError
            If the contract is missing, or not the one that the package was registered with.
        """
        uri = package.metadata.get("ContractUri") or _sibling(package.model_data_url, "contract.json")
        place = Location.of(uri)
        try:
            body = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
            contract: dict[str, Any] = json.loads(body)
            found, _ = contract["contract"], contract["smoke_test"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchKey":
                raise
            raise UnfitPackageError(f"The model's contract is missing: {uri}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise UnfitPackageError(f"{uri} is no contract: {error!r}") from error
        registered = package.metadata.get("ContractHash", found)
        if found != registered:
            raise UnfitPackageError(f"{uri} holds contract {found}; {registered} was registered.")
        return contract

    def smoke_test(self, package: Package, contract: dict[str, Any]) -> None:
        """Send the contract's known company to the endpoint.

        Raises
        ------
        UnfitPackageError
            If the answer comes from another version or differs from the known probability.
        NoAnswerError
            If the model fails or takes too long.
        ClientError, BotoCoreError
            If the request does not get as far as the model.
        """
        known = contract["smoke_test"]
        request = {"contract": contract["contract"], "instances": [known["features"]]}
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self._settings.endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps(request).encode(),
            )
            answer = json.loads(response["Body"].read())
            version = answer["model"]["version"]
            probability = float(answer["predictions"][0]["probability"]["bankrupt"])
        except (ClientError, ReadTimeoutError) as error:
            # What SageMaker or the network does not let through is no fault of the version.
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _FAULTS_OF_MODEL:
                raise
            raise NoAnswerError(f"The smoke test got no answer: {error}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UnfitPackageError(f"The smoke test got an answer of another form: {error!r}") from error
        if version != str(package.version):
            raise UnfitPackageError(
                f"The endpoint answered as version {version}, not as version {package.version}."
            )
        if not abs(probability - known["probability"]) <= TOLERANCE:
            raise UnfitPackageError(
                f"The smoke test gave probability {probability}, the evaluated model {known['probability']}."
            )

    def is_published(self, package: Package) -> bool:
        """Return whether the package is the one that clients and evaluations see."""
        try:
            body = self._s3.get_object(Bucket=self._settings.bucket, Key=CONTRACT_KEY)["Body"].read()
        except ClientError as error:
            # S3 says AccessDenied for a missing key to whom may not list the bucket.
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "AccessDenied"):
                return False
            raise
        return bool(json.loads(body).get("model_package_arn") == package.arn)

    def publish(self, package: Package, contract: dict[str, Any]) -> None:
        """Copy the model and its contract to ``champion/``; the contract comes last and makes it count."""
        model = Location.of(package.model_data_url)
        self._s3.copy_object(
            Bucket=self._settings.bucket,
            Key=MODEL_KEY,
            CopySource={"Bucket": model.bucket, "Key": model.key},
        )
        published = {**contract, "version": str(package.version), "model_package_arn": package.arn}
        self._s3.put_object(
            Bucket=self._settings.bucket,
            Key=CONTRACT_KEY,
            Body=json.dumps(published, indent=1).encode(),
            ContentType="application/json",
        )


def _sibling(uri: str, name: str) -> str:
    return uri.rsplit("/", 1)[0] + "/" + name

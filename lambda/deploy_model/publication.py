"""Smoke-tests an endpoint and publishes its model as the champion."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
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
NEXT_KEY = "champion/next.json"
MODEL_KEY = "champion/model.tar.gz"
# Metadata of a package: the hash of the evaluated archive.
ARCHIVE_SHA256 = "ArchiveSha256"
TOLERANCE = 1e-6
_CHUNK = 1024 * 1024
# With the timeout of the last request, it stays under the function's timeout.
_ASKING_SECONDS = 30.0
_FAULTS_OF_MODEL = {"ModelError", "ModelNotReadyException"}


class UnfitPackageError(Exception):
    """The package cannot be served as it was evaluated; a retry cannot help."""


class NoAnswerError(Exception):
    """The endpoint did not answer; a retry can help."""


@dataclass(frozen=True)
class Location:
    """Bucket and key of an S3 object."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """Split an ``s3://bucket/key`` URI."""
        parts = urlsplit(uri)
        return cls(bucket=parts.netloc, key=parts.path.lstrip("/"))


class Publication:
    """Reads contracts, smoke-tests endpoints and publishes packages."""

    def __init__(
        self,
        s3: S3Client,
        runtime: SageMakerRuntimeClient,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._s3 = s3
        self._runtime = runtime
        self._settings = settings
        self._clock = clock

    def contract_of(self, package: Package) -> dict[str, Any]:
        """Read the contract that was written next to a package's model.

        Raises
        ------
        UnfitPackageError
            If the contract is missing or invalid, or is not the one that was registered.
        """
        uri = package.metadata.get("ContractUri") or _sibling(package.model_data_url, "contract.json")
        body = self._get(uri, "contract")["Body"].read()
        try:
            contract: dict[str, Any] = json.loads(body)
            found, _ = contract["contract"], contract["smoke_test"]
        except (KeyError, TypeError, ValueError) as error:
            raise UnfitPackageError(f"{uri} is not a contract: {error!r}") from error
        registered = package.metadata.get("ContractHash", found)
        if found != registered:
            raise UnfitPackageError(f"{uri} holds the contract {found}, but {registered} was registered.")
        return contract

    def check_archive(self, package: Package) -> str:
        """Check that a package's archive is the evaluated one.

        Returns
        -------
        str
            The archive's ETag.

        Raises
        ------
        UnfitPackageError
            If the archive is missing or differs, or the package does not record its hash.
        """
        registered = package.metadata.get(ARCHIVE_SHA256)
        if registered is None:
            raise UnfitPackageError(
                f"Version {package.version} does not record the {ARCHIVE_SHA256} of its archive. Register a "
                "new version: bankruptcy pipeline start"
            )
        found = self._get(package.model_data_url, "archive")
        digest = hashlib.sha256()
        for chunk in found["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
        sha256 = digest.hexdigest()
        if sha256 != registered:
            raise UnfitPackageError(
                f"The archive of version {package.version} was changed after it was evaluated: its SHA-256 "
                f"is {sha256[:12]}, but {registered[:12]} was registered."
            )
        etag: str = found["ETag"]
        return etag

    def announce(self, package: Package, contract: dict[str, Any]) -> None:
        """Write the contract of the package that the endpoint will serve.

        From the first answer of the new model until it is published, predict_api needs it for requests by
        name. An old file is harmless, because the endpoint rejects requests under a contract that it does not
        serve.
        """
        self._put(NEXT_KEY, package, contract)

    def smoke_test(self, package: Package, contract: dict[str, Any]) -> None:
        """Send the contract's known company to the endpoint.

        Raises
        ------
        UnfitPackageError
            If another version answers, or the probability differs from the known one.
        NoAnswerError
            If the model fails, or takes too long.
        ClientError, BotoCoreError
            If the request does not reach the model.
        """
        version, probability = self._ask(contract)
        if version != str(package.version):
            raise UnfitPackageError(
                f"The endpoint answered with version {version}; version {package.version} was expected."
            )
        _check_probability(probability, contract)

    def ask_repeatedly(self, package: Package, contract: dict[str, Any], count: int) -> int:
        """Send the known company to an endpoint on which two versions can answer.

        Stop at the first failed request, because the rollback alarm counts it, and after half a minute.

        Returns
        -------
        int
            Number of requests that were answered.

        Raises
        ------
        UnfitPackageError
            If the package's version answers with another probability than the known one.
        ClientError, BotoCoreError
            If a request does not reach the model.
        """
        end = self._clock() + _ASKING_SECONDS
        for answered in range(count):
            try:
                version, probability = self._ask(contract)
            except NoAnswerError:
                return answered
            if version == str(package.version):
                _check_probability(probability, contract)
            if self._clock() >= end:
                return answered + 1
        return count

    def _ask(self, contract: dict[str, Any]) -> tuple[str, float]:
        """Return the version that answered, and the probability of bankruptcy of the known company."""
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
            return answer["model"]["version"], float(answer["predictions"][0]["probability"]["bankrupt"])
        except (ClientError, ReadTimeoutError) as error:
            # An error before the request reaches the model is not the fault of this version.
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _FAULTS_OF_MODEL:
                raise
            raise NoAnswerError(f"The endpoint did not answer the smoke test: {error}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UnfitPackageError(f"The smoke test's answer has an unexpected form: {error!r}") from error

    def is_published(self, package: Package) -> bool:
        """Return whether the package is the published champion."""
        return self._published().get("model_package_arn") == package.arn

    def published_contract(self) -> str | None:
        """Return the contract hash of the champion; None if there is no champion."""
        return self._published().get("contract")

    def _published(self) -> dict[str, Any]:
        """Return the champion's contract; empty if there is no champion."""
        try:
            body = self._s3.get_object(Bucket=self._settings.bucket, Key=CONTRACT_KEY)["Body"].read()
        except ClientError as error:
            # S3 returns AccessDenied for a missing key if the caller cannot list the bucket.
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "AccessDenied"):
                return {}
            raise
        return dict(json.loads(body))

    def publish(self, package: Package, contract: dict[str, Any]) -> None:
        """Copy the model and its contract to ``champion/``; the contract is last, because clients read it.

        Raises
        ------
        UnfitPackageError
            See `check_archive`.
        ClientError
            ``PreconditionFailed`` if the archive changes between the check and the copy.
        """
        model = Location.of(package.model_data_url)
        self._s3.copy_object(
            Bucket=self._settings.bucket,
            Key=MODEL_KEY,
            CopySource={"Bucket": model.bucket, "Key": model.key},
            CopySourceIfMatch=self.check_archive(package),
        )
        self._put(CONTRACT_KEY, package, contract)

    def _put(self, key: str, package: Package, contract: dict[str, Any]) -> None:
        document = {**contract, "version": str(package.version), "model_package_arn": package.arn}
        self._s3.put_object(
            Bucket=self._settings.bucket,
            Key=key,
            Body=json.dumps(document, indent=1).encode(),
            ContentType="application/json",
        )

    def _get(self, uri: str, what: str) -> Any:
        """Get an object of a package; raise an `UnfitPackageError` if it is missing."""
        location = Location.of(uri)
        try:
            return self._s3.get_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "NoSuchKey" or (code == "AccessDenied" and self._is_missing(location)):
                raise UnfitPackageError(f"The model's {what} is missing: {uri}") from error
            raise

    def _is_missing(self, location: Location) -> bool:
        # The role can list the bucket only by prefix, and a read sends none, so S3 can return AccessDenied
        # for a missing key. Only a list tells that from an object that the role can't read at the moment.
        listed = self._s3.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
        return all(found["Key"] != location.key for found in listed.get("Contents", []))


def _check_probability(probability: float, contract: dict[str, Any]) -> None:
    known = contract["smoke_test"]["probability"]
    if not abs(probability - known) <= TOLERANCE:
        raise UnfitPackageError(
            f"The smoke test returned the probability {probability}; the evaluated model returned {known}."
        )


def _sibling(uri: str, name: str) -> str:
    return uri.rsplit("/", 1)[0] + "/" + name

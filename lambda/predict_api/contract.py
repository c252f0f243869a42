"""Reads the contracts that deploy_model writes: the champion's, and that of a model being deployed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from predict_api.errors import ApiError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "champion/contract.json"
NEXT_KEY = "champion/next.json"
TIME_TO_LIVE = 10.0  # seconds

# The keys that GET /model returns; the others (ARN, smoke test) are internal.
_PUBLIC = ("contract", "version", "features", "threshold", "risk_levels", "candidate", "estimator", "metrics")


# `bankruptcy score` does not go through the API and imports no Lambda code, so scripts/score/units.py applies
# the same rule; tests/contract/test_units.py compares the two.
class Gap(NamedTuple):
    """The range between the two units of a feature, where the training data has no values.

    Attributes
    ----------
    start, end
        The largest value in the one unit, and the smallest in the other.
    small_factor, large_factor
        The model multiplies values up to `start`, and above it, by these.
    """

    start: float
    end: float
    small_factor: float
    large_factor: float


@dataclass(frozen=True)
class Contract:
    """The contract of the champion, or of a model that is being deployed.

    Attributes
    ----------
    document
        The JSON document that deploy_model wrote.
    is_next
        Whether its model is still being deployed. Clients don't know this contract yet.
    """

    document: Mapping[str, Any]
    is_next: bool = False

    @cached_property
    def hash(self) -> str:
        """Hash of the feature names in order."""
        return str(self.document["contract"])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in order."""
        return tuple(feature["name"] for feature in self.document["features"])

    @cached_property
    def seen(self) -> tuple[tuple[float, float], ...]:
        """Smallest and largest training value of each feature."""
        return tuple((float(f["min"]), float(f["max"])) for f in self.document["features"])

    @cached_property
    def plausible(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Lower and upper bounds; a value beyond them is far outside the training range.

        The bounds are the training range, extended by its own width on both sides.
        """
        return (
            tuple(low - (high - low) for low, high in self.seen),
            tuple(high + (high - low) for low, high in self.seen),
        )

    @cached_property
    def gaps(self) -> Mapping[int, Gap]:
        """The gap between the two units of each feature that has two, by its position."""
        return {
            position: Gap(
                units["largest_small"],
                units["smallest_large"],
                units["small_factor"],
                units["large_factor"],
            )
            for position, feature in enumerate(self.document["features"])
            if (units := feature.get("two_units"))
        }

    @property
    def public(self) -> dict[str, Any]:
        """The part that clients can see."""
        return {key: self.document[key] for key in _PUBLIC if key in self.document}


class ContractStore:
    """Reads the published contract and keeps it for a short time.

    Parameters
    ----------
    s3
        S3 client.
    bucket
        The project's bucket.
    clock
        A monotonic clock, in seconds.
    logger
        Logs failures to read the contract.
    """

    def __init__(self, s3: S3Client, bucket: str, *, clock: Callable[[], float], logger: Logger) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock
        self._logger = logger
        self._cached: Contract | None = None
        self._read_at = 0.0

    def get(self, *, fresh: bool = False) -> Contract:
        """Return the contract; read it again if the copy is over ten seconds old or ``fresh`` is set.

        Raises
        ------
        ApiError
            503 if there is no contract.
        """
        if self._cached is None or fresh or self._clock() - self._read_at >= TIME_TO_LIVE:
            try:
                self._cached = Contract(self._read(KEY))
            except (ClientError, BotoCoreError) as error:
                # Using an old copy is safe, because the endpoint rejects requests for another contract.
                if self._cached is None:
                    raise self._unavailable(error) from error
                self._logger.warning("contract_not_read", extra={"cause": _code(error)})
            self._read_at = self._clock()
        return self._cached

    def in_order(self) -> Iterator[Contract]:
        """Yield the contracts that the endpoint may serve, the likeliest first.

        These are the stored copy, the champion's contract read again, and, while a model is being deployed,
        that model's. An endpoint can serve the last one before it is verified and published.

        Raises
        ------
        ApiError
            503 if there is no contract.
        """
        yield self.get()
        yield self.get(fresh=True)
        try:
            yield Contract(self._read(NEXT_KEY), is_next=True)
        except (ClientError, BotoCoreError) as error:
            self._logger.warning("next_contract_not_read", extra={"cause": _code(error)})

    def _read(self, key: str) -> dict[str, Any]:
        answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        document: dict[str, Any] = json.loads(answer["Body"].read())
        return document

    def _unavailable(self, error: ClientError | BotoCoreError) -> ApiError:
        code = _code(error)
        self._logger.warning("contract_not_read", extra={"cause": code})
        # S3 returns AccessDenied for a missing key if the caller cannot list the bucket.
        if code in ("NoSuchKey", "AccessDenied"):
            return ApiError(503, "no_model", "No model has been deployed yet.", retry_after=60)
        return ApiError(
            503, "unavailable", "The model's contract cannot be read at the moment.", retry_after=5
        )


def _code(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code"))
    return type(error).__name__

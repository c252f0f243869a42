"""Sends each prediction to a Firehose stream, from which monitoring reads them; never fails a prediction."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from predict_api.log.firehose import Firehose, RejectedError
from predict_api.predictor import Prediction
from predict_api.request.validation import Companies

# Closer to the function's deadline than this, the answer comes first.
_SECONDS_TO_SPARE = 1.0
# Below Firehose's limit of 1,000 KiB a record. A request has at most 1,000 companies, so its records stay far
# below the limit of 4 MiB a call.
_MOST_BYTES = 900_000
# A float needs at most 24 characters and a comma. Clients can send more digits.
_MOST_CHARACTERS = 25
_ROW = re.compile(r"\[[^\[\]]+\]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class _Packed(NamedTuple):
    """Lines of the log that are sent as one record, and how many there are."""

    data: bytes
    lines: int


class PredictionLog:
    """Logs predictions, one line of JSON for each company.

    A line has `prediction_id`, `timestamp`, `source` ("api"), `version`, `contract`, `prediction`,
    `probability` (of bankruptcy) and `risk_level`; `id` if the client sent one; and, with inputs, `features`:
    the numbers in the contract's order.

    Every answered prediction is counted in one of two metrics: `PredictionsLogged` or `PredictionsLost`.

    Parameters
    ----------
    firehose
        Sends to the delivery stream.
    with_inputs
        Whether to log the companies' numbers.
    logger
        Logs why predictions were lost.
    metrics
        Counts predictions; the caller flushes it.
    """

    def __init__(
        self,
        firehose: Firehose,
        *,
        with_inputs: bool,
        logger: Logger,
        metrics: Metrics,
    ) -> None:
        self._firehose = firehose
        self._with_inputs = with_inputs
        self._logger = logger
        self._metrics = metrics

    def write(self, prediction: Prediction, seconds_left: float) -> None:
        """Log the predictions of a request.

        Parameters
        ----------
        prediction
            The answered request.
        seconds_left
            The time until the function's deadline.
        """
        count = prediction.companies.count
        lost = count
        if seconds_left < _SECONDS_TO_SPARE:
            self._logger.warning("predictions not logged", extra={"lost": lost, "reason": "deadline"})
        else:
            try:
                lost = self._send(list(_packed(self._lines(prediction))))
            except Exception as error:  # noqa: BLE001 - whatever happens to the log, the client gets its answer
                # Without the error's text, which could contain inputs.
                reason = error.code if isinstance(error, RejectedError) else type(error).__name__
                self._logger.warning("predictions not logged", extra={"lost": lost, "reason": reason})
        self._metrics.add_metric("PredictionsLogged", MetricUnit.Count, count - lost)
        self._metrics.add_metric("PredictionsLost", MetricUnit.Count, lost)

    def _send(self, records: list[_Packed]) -> int:
        """Send records and return how many of their lines were lost."""
        answer = self._firehose.put([record.data for record in records])
        if not answer["FailedPutCount"]:
            return 0
        failed = [
            (record.lines, each["ErrorCode"])
            for record, each in zip(records, answer["RequestResponses"], strict=True)
            if "ErrorCode" in each
        ]
        lost = sum(lines for lines, _ in failed)
        reasons = sorted({code for _, code in failed})
        self._logger.warning("predictions not logged", extra={"lost": lost, "reason": ", ".join(reasons)})
        return lost

    def _lines(self, prediction: Prediction) -> Iterator[bytes]:
        shared: dict[str, Any] = {
            "timestamp": prediction.body["timestamp"],
            "source": "api",
            "version": prediction.version,
            "contract": prediction.contract,
        }
        companies = prediction.companies
        rows = _rows(companies) if self._with_inputs else repeat("", companies.count)
        for row, each in zip(rows, prediction.predictions, strict=True):
            line = _encode(
                {
                    "prediction_id": each["prediction_id"],
                    **({"id": each["id"]} if "id" in each else {}),
                    **shared,
                    "prediction": each["prediction"],
                    "probability": each["probability"]["bankrupt"],
                    "risk_level": each["risk_level"],
                }
            )
            features = f',"features":{row}' if row else ""
            yield f"{line[:-1]}{features}}}\n".encode()


def _rows(companies: Companies) -> Iterator[str]:
    """Yield each company's numbers as JSON on one line.

    This is the text that the endpoint got. Formatting the numbers again would take most of the log's time.
    """
    rows = _ROW.findall(companies.rows)
    for row, numbers in zip(rows, companies.numbers, strict=True):
        text = "".join(row.split())
        yield text if len(text) <= _MOST_CHARACTERS * len(numbers) else _encode(numbers)


def _packed(lines: Iterable[bytes]) -> Iterator[_Packed]:
    """Join lines to records; Firehose bills each record as at least 5 kB."""
    pack: list[bytes] = []
    size = 0
    for line in lines:
        if pack and size + len(line) > _MOST_BYTES:
            yield _Packed(b"".join(pack), len(pack))
            pack, size = [], 0
        pack.append(line)
        size += len(line)
    yield _Packed(b"".join(pack), len(pack))

"""Writes the access logs of stages, and records the metrics of their requests."""

from __future__ import annotations

import re
import uuid

from werkzeug.wrappers import Response

from local_aws.base.logs import LogShipper, LogStream
from local_aws.base.metrics import Metrics
from local_aws.gateway.responses import Exchange
from local_aws.iam.sessions import AssumeRoleError, Sessions

_VARIABLE = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
_SERVICE = "apigateway.amazonaws.com"


class AccessLog:
    """Records the answers of stages.

    Parameters
    ----------
    sessions : Sessions
        Clients by role. The log is written with the role of the account.
    metrics : Metrics
        Where the metrics of the requests are recorded.
    """

    def __init__(self, sessions: Sessions, metrics: Metrics) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._shipper = LogShipper()
        self._stream = uuid.uuid4().hex

    def close(self) -> None:
        """Deliver the lines that wait."""
        self._shipper.close()

    def record(self, exchange: Exchange, response: Response, seconds: float) -> None:
        """Record one answer.

        Parameters
        ----------
        seconds
            The time between the request and the answer.
        """
        status, stage = response.status_code, exchange.stage
        values = {
            "Count": 1.0,
            "4XXError": float(400 <= status < 500),
            "5XXError": float(status >= 500),
            "Latency": seconds * 1000,
        }
        self._metrics.record("AWS/ApiGateway", values, [("ApiName", stage.api_name), ("Stage", stage.name)])
        if not stage.log_group or not stage.log_role:
            return
        exchange.context |= {"status": status, "responseLatency": round(seconds * 1000)}
        # A variable without a value is logged as a hyphen.
        line = _VARIABLE.sub(lambda found: exchange.value(f"context.{found[1]}") or "-", stage.log_format)
        try:
            clients = self._sessions.of_role(stage.log_role, _SERVICE)
        except AssumeRoleError:
            # As on AWS, the answer does not depend on the log.
            return
        LogStream(self._shipper, clients, stage.log_group, self._stream).write(line)

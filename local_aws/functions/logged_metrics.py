"""Reads the metrics that functions log in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def logged_metrics(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, float], list[tuple[str, str]]]]:
    """Yield the namespace, the values by name and the dimensions of each metric in log lines.

    Lines in another format, or with values that are not numbers, are skipped, as by CloudWatch.
    """
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            document = json.loads(line)
            for directive in document["_aws"]["CloudWatchMetrics"]:
                yield from _of(directive, document)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue


def _of(
    directive: dict[str, Any], document: dict[str, Any]
) -> Iterator[tuple[str, dict[str, float], list[tuple[str, str]]]]:
    for names in directive["Dimensions"]:
        dimensions = [(name, str(document[name])) for name in names]
        for metric in directive["Metrics"]:
            values = document[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                yield directive["Namespace"], {metric["Name"]: float(value)}, dimensions

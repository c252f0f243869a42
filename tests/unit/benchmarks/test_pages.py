"""The pages that benchmarks write into: only between their marks, and what is stored is what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import batch, scale, scale_page, serving, serving_tables
from benchmarks.pages import put

SVG = "{http://www.w3.org/2000/svg}"


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- written by make it -->\nold\n<!-- end -->\nafter\n")
    put(page, "it", "new\n")
    assert page.read_text() == "before\n<!-- written by make it -->\n\nnew\n\n<!-- end -->\nafter\n"


@pytest.mark.parametrize("text", ["", "<!-- end -->", "<!-- written by make it -->"])
def test_a_page_without_marks_stays_as_it_is(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="lacks <!-- written by make it --> and <!-- end -->"):
        put(page, "it", "new")
    assert page.read_text() == text


def entry(step: str, estimator: str, factor: int, seconds: float, **changes: Any) -> dict[str, Any]:
    return {
        "factor": factor,
        "rows": factor * 6819,
        "step": step,
        "estimator": estimator,
        "seconds": seconds,
        "cpu_seconds": seconds,
        "peak_mib": 1000 + factor,
        "failed": False,
        "measured": "2026-01-02",
        **changes,
    }


MEASURED = {
    "machine": "2 cores",
    "data": "sample data",
    "steps": [
        *(
            entry(step, estimator, factor, seconds * factor)
            for (step, estimator), seconds in zip(scale_page.DRAWN, (3, 6, 12, 30, 9), strict=True)
            for factor in (1, 100)
        ),
        entry("Evaluate", "logistic", 1, 2.0),
        entry("Evaluate", "logistic", 10, 3.0, failed=True, measured="2026-01-03"),
    ],
}


def test_the_table_of_scale_tells_growth_and_sums() -> None:
    text = scale_page.chapter(MEASURED)
    assert "Sample data, 2026-01-02 to 2026-01-03, 2 cores." in text
    assert "| SelectFeatures | 3 s, 3 s, 1,001 MiB |  | 300 s, 300 s, 1,100 MiB | 10.0 |" in text
    assert "| Evaluate, logistic | 2 s, 2 s, 1,001 MiB | failed |  |" in text
    # An execution's steps, and the most memory that any of them took; nothing where one was not measured
    assert (
        "| **one after the other, blend** | **1.0 min**, 1,001 MiB |  | **100.0 min**, 1,100 MiB | |" in text
    )


def test_the_curves_rise_with_what_was_measured() -> None:
    drawing = ElementTree.fromstring(scale_page.curves(MEASURED))  # noqa: S314 - our own
    lines = [each.get("points") for each in drawing.iter(f"{SVG}polyline")]
    assert len(lines) == 2 * len(scale_page.DRAWN)
    for points in lines:
        (left, low), (right, high) = (point.split(",") for point in str(points).split())
        assert float(left) < float(right)
        assert float(low) >= float(high)  # downwards in an SVG
    names = {each.text for each in drawing.iter(f"{SVG}text")}
    assert {"Resample", "TrainRecommended, blend", "681,900", "10 min", "8,192"} <= names


def test_pages_show_the_stored_figures() -> None:
    stored = json.loads(scale.RESULTS.read_text(encoding="utf-8"))
    assert scale_page.chapter(stored) in scale_page.PAGE.read_text(encoding="utf-8")
    assert scale_page.PAGE.with_suffix(".svg").read_text(encoding="utf-8") == scale_page.curves(stored) + "\n"
    stored = json.loads(batch.RESULTS.read_text(encoding="utf-8"))
    assert batch.chapter(stored) in batch.DOCS.read_text(encoding="utf-8")
    stored = json.loads(serving.RESULTS.read_text(encoding="utf-8"))
    assert serving_tables.chapter(stored) in serving.DOCS.read_text(encoding="utf-8")

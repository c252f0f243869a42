"""The pages that benchmarks write into: only between their markers, and always from stored figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.repository import ROOT

from benchmarks import pages
from benchmarks.common.figures import load
from benchmarks.common.pages import put
from benchmarks.scale import page as scale_page

SVG = "{http://www.w3.org/2000/svg}"


def test_only_the_text_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- written by make it -->\nold\n<!-- end -->\nafter\n")
    put(page, "make it", "new\n")
    assert page.read_text() == "before\n<!-- written by make it -->\n\nnew\n\n<!-- end -->\nafter\n"


@pytest.mark.parametrize("text", ["", "<!-- end -->", "<!-- written by make it -->"])
def test_a_page_without_markers_is_an_error_and_stays_unchanged(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="lacks <!-- written by make it --> and <!-- end -->"):
        put(page, "make it", "new")
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


def test_the_table_of_scale_shows_growth_and_totals() -> None:
    text = scale_page.chapter(MEASURED)
    assert "Sample data, 2026-01-02 to 2026-01-03, 2 cores." in text
    assert "| SelectFeatures | 3 s, 3 s, 1,001 MiB |  | 300 s, 300 s, 1,100 MiB | 10.0 |" in text
    assert "| Evaluate, logistic | 2 s, 2 s, 1,001 MiB | failed |  |" in text
    # The total is that of an execution's steps; it is left out where one of them was not measured.
    assert (
        "| **one after the other, blend** | **1.0 min**, 1,001 MiB |  | **100.0 min**, 1,100 MiB |  |" in text
    )


def test_the_curves_rise_with_the_measurements() -> None:
    drawing = ElementTree.fromstring(scale_page.curves(MEASURED))  # noqa: S314 - our own
    lines = [each.get("points") for each in drawing.iter(f"{SVG}polyline")]
    assert len(lines) == 2 * len(scale_page.DRAWN)
    for points in lines:
        (left, low), (right, high) = (point.split(",") for point in str(points).split())
        assert float(left) < float(right)
        assert float(low) >= float(high)  # y grows downwards in an SVG
    names = {each.text for each in drawing.iter(f"{SVG}text")}
    assert {"Resample", "TrainRecommended, blend", "681,900", "10 min", "8,192"} <= names


@pytest.mark.parametrize("chapter", pages.CHAPTERS, ids=lambda chapter: chapter.command)
def test_pages_show_the_stored_figures(chapter: pages.Chapter) -> None:
    text = chapter.text(load(chapter.results))
    assert f"<!-- written by {chapter.command} -->\n\n{text}\n\n<!-- end -->" in chapter.page.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(("results", "drawing", "draw"), pages.DRAWINGS)
def test_drawings_show_the_stored_figures(results: Path, drawing: Path, draw: Any) -> None:
    assert drawing.read_text(encoding="utf-8") == draw(load(results)) + "\n"


def test_every_file_of_results_belongs_to_a_page() -> None:
    stored = set((ROOT / "benchmarks" / "results").iterdir())
    assert stored == {chapter.results for chapter in pages.CHAPTERS}


def test_the_introductions_name_the_stored_figures_of_the_baseline() -> None:
    results = load(ROOT / "benchmarks" / "results" / "quality.json")["results"]
    baseline = {
        each["protocol"]: each["figures"]["ROC-AUC"] for each in results if each["recipe"] == "baseline"
    }
    (leaking,) = (value for protocol, value in baseline.items() if protocol.startswith("published protocol"))
    honest = baseline["random rows"]

    readme, page = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/honest-figures.md")
    )
    assert f"why {leaking:.2f} becomes {honest:.2f}]" in readme
    assert f"reaches {honest:.2f}." in page

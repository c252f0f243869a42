"""Writes the stored figures into the documentation, without measuring anything: `make pages`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import functions, latency, prediction_log
from benchmarks.api import tables as api_tables
from benchmarks.common.figures import Document, load
from benchmarks.common.pages import put
from benchmarks.console import latency as console_latency
from benchmarks.quality import drift, firms, judge, model_card, plot, recipes
from benchmarks.quality import table as quality_table
from benchmarks.scale import batch, learning_curve, tomek_links, workflow
from benchmarks.scale import monitoring as scale_monitoring
from benchmarks.scale import page as scale_page
from benchmarks.serving import cost, explain
from benchmarks.serving import tables as serving_tables


@dataclass(frozen=True)
class Chapter:
    """A generated part of a page: its stored figures, the command that measures them, and its text."""

    results: Path
    page: Path
    command: str
    text: Callable[[Document], str]


CHAPTERS = (
    Chapter(recipes.QUALITY, recipes.PAGE, "make bench-quality", quality_table.chapter),
    Chapter(firms.FIRMS, firms.PAGE, "make firms", firms.chapter),
    Chapter(judge.RESULTS, judge.PAGE, "make bench-judge", judge.chapter),
    Chapter(model_card.RESULTS, model_card.PAGE, "make model-card", model_card.chapter),
    Chapter(workflow.RESULTS, scale_page.PAGE, "make bench-scale", scale_page.chapter),
    Chapter(batch.RESULTS, batch.PAGE, "make bench-batch", batch.chapter),
    Chapter(tomek_links.RESULTS, tomek_links.PAGE, tomek_links.COMMAND, tomek_links.chapter),
    Chapter(learning_curve.RESULTS, learning_curve.PAGE, learning_curve.COMMAND, learning_curve.chapter),
    Chapter(cost.RESULTS, cost.PAGE, "make bench-serving", serving_tables.chapter),
    Chapter(explain.RESULTS, explain.PAGE, "make bench-explain", explain.chapter),
    Chapter(latency.RESULTS, latency.PAGE, "make bench-api", api_tables.chapter),
    Chapter(
        drift.RESULTS,
        drift.PAGE,
        "make bench-drift",
        drift.chapter,
    ),
    Chapter(scale_monitoring.RESULTS, scale_monitoring.PAGE, "make bench-monitor", scale_monitoring.chapter),
    Chapter(prediction_log.RESULTS, prediction_log.PAGE, prediction_log.COMMAND, prediction_log.chapter),
    Chapter(console_latency.RESULTS, console_latency.PAGE, console_latency.COMMAND, console_latency.chapter),
    Chapter(functions.RESULTS, functions.PAGE, "make bench-functions", functions.chapter),
)
DRAWINGS = (
    (firms.FIRMS, firms.PAGE.with_suffix(".svg"), firms.draw),
    (recipes.QUALITY, recipes.PAGE.with_suffix(".svg"), plot.draw),
    (workflow.RESULTS, scale_page.PAGE.with_suffix(".svg"), scale_page.curves),
)


def main() -> None:
    """Write every chapter and drawing."""
    for chapter in CHAPTERS:
        put(chapter.page, chapter.command, chapter.text(load(chapter.results)))
    for results, drawing, draw in DRAWINGS:
        drawing.write_text(draw(load(results)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""SummarizePredictions: counts logged predictions, each instance its share of the files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from steps.job import Arguments, ParameterError, base_dir, log, processing_input, processing_output, run
from steps.monitoring.log import Left, Window, read_log
from steps.monitoring.outcomes import Match, matches, read_outcomes
from steps.monitoring.profile import read_profiles
from steps.monitoring.shards import Shard, write_shard
from steps.monitoring.summary import Summary

NO_LIMIT = "none"


def main(argv: Sequence[str] | None = None) -> None:
    """Write a summary of each version, the predictions that have outcomes, and what was left out."""
    parser = Arguments(prog="summarize_predictions", description=__doc__)
    for name in ("predictions", "history", "profiles", "outcomes"):
        parser.add_argument(f"--{name}", type=Path, default=processing_input(name))
    parser.add_argument("--summaries", type=Path, default=processing_output("summaries"))
    parser.add_argument("--host", default="")
    parser.add_argument("--start", default=NO_LIMIT)
    parser.add_argument("--end", default=NO_LIMIT)
    args = parser.parse_args(argv)
    window = Window(_time("start", args.start), _time("end", args.end))
    host = args.host or _host()

    profiles, outcomes, left = read_profiles(args.profiles), read_outcomes(args.outcomes), Left()
    summaries: dict[str, Summary] = {}
    found: list[Match] = []

    for batch in read_log(args.predictions, profiles, window, left):
        summaries.setdefault(batch.profile.version, Summary(batch.profile)).add(batch)
        found += matches(batch, outcomes)
    for batch in read_log(args.history, profiles, Window(), Left()):
        found += matches(batch, outcomes)
    write_shard(args.summaries, host, Shard(summaries, found, left))
    count = sum(summary.predictions for summary in summaries.values())
    log(f"{count:,} predictions of {len(summaries)} versions, {len(found):,} with outcomes; left out: {left}")


def _time(name: str, text: str) -> datetime | None:
    if text == NO_LIMIT:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ParameterError(f"--{name} is {text!r}; it must be {NO_LIMIT}, or like 2026-01-31T00:00:00Z.")
    return moment


def _host() -> str:
    """Return the instance's name among those of this job."""
    facts = json.loads((base_dir() / "config" / "resourceconfig.json").read_text(encoding="utf-8"))
    return str(facts["current_host"])


if __name__ == "__main__":
    run(main)

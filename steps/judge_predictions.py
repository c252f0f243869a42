"""JudgePredictions: compares a window's companies with training, and earlier predictions with outcomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steps.job import Arguments, log, processing_input, processing_output, run
from steps.monitoring.document import Settings, monitoring_document
from steps.monitoring.outcomes import join, read_outcomes
from steps.monitoring.profile import Profile, read_profiles
from steps.monitoring.shards import read_shards
from steps.monitoring.summary import Summary
from steps.report.monitoring import render


def main(argv: Sequence[str] | None = None) -> None:
    """Write monitoring.json, monitoring.html, and the window's summary of each version."""
    parser = Arguments(prog="judge_predictions", description=__doc__)
    for name in ("summaries", "profiles", "outcomes", "accepted", "previous"):
        parser.add_argument(f"--{name}", type=Path, default=processing_input(name))
    parser.add_argument("--monitoring", type=Path, default=processing_output("monitoring"))
    parser.add_argument("--runs-per-month", type=float, default=30.0)
    parser.add_argument("--outcome-horizon-days", type=int, default=365)
    parser.add_argument("--random-seed", type=int, default=42)
    parser.add_argument("--now", type=datetime.fromisoformat, default=None)
    args = parser.parse_args(argv)
    settings = Settings(args.runs_per_month, args.outcome_horizon_days, args.random_seed)
    now = args.now or datetime.now(UTC)

    profiles, outcomes = read_profiles(args.profiles), read_outcomes(args.outcomes)
    shard = read_shards(args.summaries, profiles)
    document = monitoring_document(
        shard,
        _accepted(args.accepted, profiles),
        join(shard.matches, outcomes, now, settings.horizon_days),
        outcomes,
        settings,
        now,
        profiles,
        _previous(args.previous),
    )
    args.monitoring.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (args.monitoring / "monitoring.json").write_text(text + "\n", encoding="utf-8")
    (args.monitoring / "monitoring.html").write_text(render(document), encoding="utf-8")
    for version, summary in shard.summaries.items():
        summary.write(args.monitoring / f"{version}.npz")
    alarms = [*document["alarms"]["drift"], *document["alarms"]["quality"]]
    log("\n".join(alarms) or f"{document['predictions']:,} predictions, no alarm")


def _accepted(folder: Path, profiles: dict[str, Profile]) -> dict[str, Summary]:
    """Return the windows that a person accepted as normal, by version."""
    found = {path.stem: path for path in folder.glob("*.npz")}
    return {
        version: Summary.read(path, profiles[version])
        for version, path in found.items()
        if version in profiles
    }


def _previous(folder: Path) -> dict[str, Any] | None:
    path = folder / "monitoring.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


if __name__ == "__main__":
    run(main)

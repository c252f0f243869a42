"""What each instance of SummarizePredictions writes, and JudgePredictions merges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from steps.monitoring.log import Left
from steps.monitoring.outcomes import Match, read_matches, write_matches
from steps.monitoring.profile import Profile
from steps.monitoring.summary import Summary


@dataclass(frozen=True)
class Shard:
    """The predictions of one instance, or of all.

    Attributes
    ----------
    summaries
        By version.
    matches
        The predictions that have outcomes.
    left
        The lines that were left out.
    """

    summaries: dict[str, Summary]
    matches: Sequence[Match]
    left: Left


def write_shard(folder: Path, host: str, shard: Shard) -> None:
    """Write what an instance has read; all instances' files come into one folder, so they have its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for version, summary in shard.summaries.items():
        summary.write(folder / f"{host}.v{version}.npz")
    write_matches(folder / f"{host}.matches.csv", shard.matches)
    (folder / f"{host}.left.json").write_text(json.dumps(shard.left.as_dict()), encoding="utf-8")


def read_shards(folder: Path, profiles: Mapping[str, Profile]) -> Shard:
    """Merge what all instances have written."""
    summaries: dict[str, Summary] = {}
    left = Left()
    for path in sorted(folder.rglob("*.npz")):
        version = path.stem.rpartition(".v")[2]
        profile = profiles[version]
        summaries.setdefault(version, Summary(profile)).merge(Summary.read(path, profile))
    for path in sorted(folder.rglob("*.left.json")):
        left.add(json.loads(path.read_text(encoding="utf-8")))
    return Shard(summaries, read_matches(folder.rglob("*.matches.csv")), left)

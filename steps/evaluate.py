"""Evaluate: selects a candidate by its out-of-fold ROC-AUC and judges it on the test companies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from steps.dataset.columns import TARGET
from steps.features import read_features
from steps.frames import read_frame, target
from steps.job import Arguments, log, one_thread, processing_input, processing_output, require_choice, run
from steps.judging.champion import COMPARE_CHOICES, judge_champion
from steps.judging.evaluation import Evaluation, Settings
from steps.judging.judged_model import JudgedModel, judge
from steps.judging.model_contract import model_contract
from steps.judging.parity import require_parity
from steps.measures.importance import permutation_importance
from steps.monitoring.profile import profile_document
from steps.report.page import render
from steps.report.subject import Subject

CANDIDATES = ("baseline", "recommended")
CHOICES = ("best", *CANDIDATES)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the evaluation and its report, and the selected candidate's archive, contract and profile."""
    parser = Arguments(prog="evaluate", description=__doc__)
    for name in (*CANDIDATES, "test", "features", "champion"):
        parser.add_argument(f"--{name}", type=Path, default=processing_input(name))
    for name in ("evaluation", "model"):
        parser.add_argument(f"--{name}", type=Path, default=processing_output(name))
    parser.add_argument("--register-candidate", default="best")
    parser.add_argument("--min-roc-auc", type=float, default=0.8)
    parser.add_argument("--compare-with-champion", default="yes")
    parser.add_argument("--execution-id", default="")
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    require_choice("RegisterCandidate", args.register_candidate, CHOICES)
    require_choice("CompareWithChampion", args.compare_with_champion, COMPARE_CHOICES)
    settings = Settings(
        args.register_candidate,
        args.min_roc_auc,
        args.compare_with_champion,
        args.random_seed,
        args.execution_id,
    )

    tars = {name: getattr(args, name) / "model.tar.gz" for name in CANDIDATES}
    evaluation = _evaluate(tars, args.champion, args.test, args.features, settings)
    document = evaluation.document()
    for folder in (args.evaluation, args.model):
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(args.evaluation / "evaluation.json", document)
    report = render(
        Subject(
            document,
            evaluation.y,
            evaluation.models,
            evaluation.importance,
            evaluation.features,
            datetime.now(UTC),
        )
    )
    (args.evaluation / "report.html").write_text(report, encoding="utf-8")
    _write_json(args.model / "contract.json", model_contract(evaluation.selected, evaluation.y))
    _write_json(args.model / "profile.json", profile_document(evaluation.selected.facts))
    # The registered file must be the very file that was judged.
    shutil.copyfile(tars[evaluation.selected_name], args.model / "model.tar.gz")
    log(document["gate"]["reason"])


def choose(candidates: Mapping[str, JudgedModel], register: str) -> str:
    """Return the selected candidate: `register`, or with "best" the one with the higher out-of-fold ROC-AUC.

    The test companies have no influence: a model selected by them would look better on them than it is.
    """
    if register != "best":
        return register
    return max(candidates, key=lambda name: float(candidates[name].facts["out_of_fold"]["roc_auc"]))


def _evaluate(
    tars: Mapping[str, Path], champion_folder: Path, test_folder: Path, features: Path, settings: Settings
) -> Evaluation:
    """Judge the candidates and the champion on the test companies."""
    seed = settings.random_seed
    test = read_frame(test_folder, "test.parquet", [TARGET, "firm"])
    facts = read_features(features)
    with TemporaryDirectory() as folder, one_thread():
        scratch = Path(folder)
        candidates: dict[str, JudgedModel] = {}
        for name, tar in tars.items():
            candidates[name] = judge(tar, scratch / name, test, seed, name)
            require_parity(candidates[name], name)
        champion = judge_champion(
            champion_folder,
            scratch / "champion",
            test,
            seed,
            settings.compare_with_champion,
            facts["split"]["rule"],
        )
        selected_name = choose(candidates, settings.register_candidate)
        selected = candidates[selected_name]
        names = [feature["name"] for feature in selected.facts["features"]]
        importance = permutation_importance(selected.predict_proba, selected.X, target(test), names, seed)
    return Evaluation(test, facts, candidates, selected_name, champion, importance, settings)


def _write_json(path: Path, contents: dict[str, Any]) -> None:
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)

"""An execution whose candidates are trained, with helpers to run and change Evaluate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import joblib

from steps import evaluate
from steps.export.archive import pack_model, unpack_model
from steps.export.files import write_model
from steps.export.served import export_pipeline


class Execution:
    """A copy of Evaluate's inputs that a test can change."""

    def __init__(self, space: Any, root: Path) -> None:
        self.space, self.root = space, root
        for name in ("baseline", "recommended", "champion"):
            shutil.copytree(space.folder(name), root / name)
        shutil.copytree(space.folder("test"), root / "test")

    def run(self, *options: str) -> dict[str, Any]:
        names = ("baseline", "recommended", "test", "champion", "evaluation", "model")
        folders = [word for name in names for word in (f"--{name}", str(self.root / name))]
        evaluate.main([*folders, *self.space.arguments("features"), *options])
        evaluation: dict[str, Any] = json.loads((self.root / "evaluation" / "evaluation.json").read_text())
        return evaluation

    def contract(self) -> dict[str, Any]:
        contract: dict[str, Any] = json.loads((self.root / "model" / "contract.json").read_text())
        return contract

    def make_champion(self, candidate: str) -> None:
        shutil.copy(self.root / candidate / "model.tar.gz", self.root / "champion" / "model.tar.gz")

    def rewrite(self, name: str, **changes: Any) -> None:
        """Export the candidate `name` again with another calibration, contract or audit copy."""
        folder = self.root / "rewritten"
        unpack_model(self.root / name / "model.tar.gz", folder)
        audit = joblib.load(folder / "model.joblib")
        contract = json.loads((folder / "model.json").read_text())["contract"]
        del contract["smoke_test"]  # The known answer is that of the model before the change.
        served = export_pipeline(audit["pipeline"], changes.get("calibration", audit["calibration"]))
        write_model(folder, served, contract | changes.get("contract", {}), changes.get("audit", audit))
        pack_model(folder, self.root / name / "model.tar.gz")
        shutil.rmtree(folder)

    def audit(self, name: str) -> dict[str, Any]:
        folder = self.root / "audited"
        unpack_model(self.root / name / "model.tar.gz", folder)
        audit: dict[str, Any] = joblib.load(folder / "model.joblib")
        shutil.rmtree(folder)
        return audit

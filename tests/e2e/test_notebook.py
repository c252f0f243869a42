"""Every cell of docs/notebook.ipynb runs on local AWS after an execution, and shows what it says."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pipeline.executions import run
from support.repository import ROOT

from pipeline.service import Execution
from scripts.aws.session import Aws
from scripts.model.approval import find_version
from scripts.model.archives import load_model
from scripts.operate.executions import read_evaluation

CELLS = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]


class Notebook:
    """The variables and the shown results of a notebook."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.shown: list[Any] = []

    def run(self, source: str) -> None:
        """Run a cell, and show the value of its last line as Jupyter does."""
        statements = ast.parse(source).body
        last = statements.pop() if isinstance(statements[-1], ast.Expr) else None
        exec(compile(ast.Module(statements, []), "<cell>", "exec"), self.variables)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.variables)  # noqa: S307
            if value is not None:
                self.shown.append((value, value._repr_html_()))


@pytest.fixture(scope="module")
def execution(aws: Aws, data_uri: str) -> Execution:
    return run(aws, InputDataUri=data_uri, Resampler="none")


def test_the_notebook_is_stored_without_results() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_every_cell_runs(
    aws: Aws, execution: Execution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BANKRUPTCY_PROJECT", aws.project.name)
    notebook = Notebook()
    for cell in CELLS:
        if cell["cell_type"] == "code":
            notebook.run("".join(cell["source"]))

    # THEN it shows the execution and the version
    (steps, _), (version, _), _, (levels, _), (effects, effect_bars), (curve, curve_bars) = notebook.shown
    assert dict(zip(steps["step"], steps["status"], strict=True)) == {
        step.name: step.status for step in execution.steps
    }
    assert (steps["seconds"] >= 0).all()
    evaluation = read_evaluation(aws, execution)
    assert evaluation is not None
    selected = evaluation["candidates"][evaluation["selected"]["candidate"]]
    assert float(version["version"]["RocAuc"]) == pytest.approx(selected["roc_auc"]["value"], abs=1e-6)
    # AND predicts what the registered model predicts
    variables = notebook.variables
    model = load_model(aws, find_version(aws, None))
    np.testing.assert_array_equal(variables["probability"], model.predict_proba(variables["X"]))
    assert levels["companies"].sum() == len(variables["companies"])
    # AND explains the riskiest company: with the median of the first ratio, its probability changes as stated
    explanation = variables["explanation"]
    assert explanation.score == pytest.approx(model.log_odds(variables["X"]).max())
    assert list(effects.data["effect"]) == [each.effect for each in explanation.effects]
    probabilities = curve.data["probability"].to_numpy()
    assert probabilities[0] == variables["probability"].max()
    assert np.sign(probabilities[0] - probabilities[-1]) == np.sign(explanation.effects[0].effect)
    # AND draws bars
    assert "linear-gradient" in effect_bars
    assert "linear-gradient" in curve_bars

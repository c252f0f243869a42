"""A logistic regression of sample data, fitted at once, with the profile of its training companies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from support.models.small import register_folder

from inference.contract import contract_hash
from scripts.aws.session import Aws
from scripts.data.sample import generate
from steps.dataset.columns import RATIOS, TARGET
from steps.export.files import write_model
from steps.export.served import ServedModel
from steps.measures.drift import profile

LEVELS = [{"level": "low", "from": 0.0}, {"level": "medium", "from": 0.05}, {"level": "high", "from": 0.2}]
# Columns without two units.
NAMES = (
    "Debt ratio %",
    "Net worth/Assets",
    "ROA(A) before interest and % after tax",
    "Working Capital to Total Assets",
    "Operating Gross Margin",
)


def register_sample_model(aws: Aws, folder: Path) -> str:
    """Register the model and its profile as pending approval, and return its version."""
    assert set(NAMES) <= set(RATIOS)
    companies = generate(2000, seed=0).rename(columns=str.strip)
    rows, bankrupt = companies[list(NAMES)].to_numpy(dtype=float), companies[TARGET].to_numpy()
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    fitted = LogisticRegression().fit((rows - mean) / spread, bankrupt)
    slopes = fitted.coef_[0] / spread
    intercept = float(fitted.intercept_[0] - mean @ slopes)
    probability = 1 / (1 + np.exp(-(rows @ slopes + intercept)))
    stages = [{"kind": "linear", "arrays": "0"}, {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}]
    features: list[dict[str, Any]] = [
        {
            "name": name,
            "min": float(column.min()),
            "max": float(column.max()),
            "median": float(np.median(column)),
        }
        for name, column in zip(NAMES, rows.T, strict=True)
    ]
    facts = {
        "contract": contract_hash(NAMES),
        "features": features,
        "threshold": 0.2,
        "risk_levels": LEVELS,
        "candidate": "recommended",
        "estimator": "logistic",
        "smoke_test": {"features": rows[0].tolist(), "probability": float(probability[0])},
    }
    served = ServedModel(
        {"0.coefficients": slopes[:, np.newaxis], "0.intercept": np.array([intercept])}, {"stages": stages}
    )
    write_model(folder / "model", served, facts, None)
    version = register_folder(aws, folder)
    bins = profile({**dict(zip(NAMES, rows.T, strict=True)), "probability": probability})
    document = {
        "contract": facts["contract"],
        "companies": len(rows),
        "bankruptcies": int(bankrupt.sum()),
        "roc_auc": float(roc_auc_score(bankrupt, probability)),
        "risk_levels": LEVELS,
        "features": [{**feature, **bins[feature["name"]]} for feature in features],
        "probability": bins["probability"],
    }
    aws.client("s3").put_object(
        Bucket=aws.project.bucket,
        Key=f"models/{folder.name}/profile.json",
        Body=json.dumps(document).encode(),
    )
    return version

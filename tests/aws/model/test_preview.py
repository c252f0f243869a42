"""`bankruptcy model preview`: a version and the champion on a company file, before approval."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.models.registry import PROJECT
from support.models.small import register, register_folder, write_small_model
from typer.testing import CliRunner, Result

from inference.artifact import Model
from scripts.aws.session import Aws
from scripts.cli import app
from scripts.scratch import written_whole

NAMES = ["assets", "debt", "cash"]
OTHERS = ["cash", "margin", "assets"]
COMPANIES = 300


@dataclass(frozen=True)
class Project:
    """A project whose champion is version 1, and which has a version 2 with other columns."""

    aws: Aws
    models: dict[int, Model]
    file: Path
    rows: list[dict[str, float]]

    def preview(self, *options: str) -> Result:
        command = ["--local", "--project", PROJECT, "model", "preview", *options]
        return CliRunner().invoke(app, command)

    def levels(self, version: int) -> list[str]:
        model = self.models[version]
        X = np.array([[row[name] for name in model.contract.names] for row in self.rows])
        return [model.contract.risk_level(p) for p in model.predict_proba(X)]


@pytest.fixture
def project(registry: Aws, tmp_path: Path) -> Project:
    aws = registry
    models = {}
    for version, names in ((1, NAMES), (2, OTHERS)):
        _, models[version] = register(aws, tmp_path / f"model-{version}", names, seed=version)
    publish(aws, models[1], 1)
    generator = np.random.default_rng(0)
    names = sorted({*NAMES, *OTHERS})
    rows = [dict(zip(names, row, strict=True)) for row in generator.normal(0.5, 2, (COMPANIES, 4)).tolist()]
    file = tmp_path / "companies.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", *names])
        writer.writerows([f"C{number}", *row.values()] for number, row in enumerate(rows))
    return Project(aws, models, file, rows)


def publish(aws: Aws, model: Model, version: int) -> None:
    """Make a version the champion."""
    contract = json.dumps({"contract": model.contract.hash, "version": str(version)})
    aws.client("s3").put_object(
        Bucket=aws.project.bucket, Key="champion/contract.json", Body=contract.encode()
    )


def test_the_counts_are_those_of_both_models(project: Project) -> None:
    document = json.loads(project.preview("2", "--on", str(project.file), "--json").stdout)
    assert (document["champion"], document["version"], document["companies"]) == (1, 2, COMPANIES)
    before, after = project.levels(1), project.levels(2)
    moves = Counter(zip(before, after, strict=True))
    assert {(m["champion"], m["version"]): m["companies"] for m in document["moves"]} == moves
    assert document["changed"] == sum(a != b for a, b in zip(before, after, strict=True)) > 0
    assert [(each["level"], each["champion"], each["version"]) for each in document["levels"]] == [
        (level, before.count(level), after.count(level)) for level in ("low", "high")
    ]


def test_the_changes_are_sorted_and_explained(project: Project) -> None:
    document = json.loads(project.preview("--on", str(project.file), "--json").stdout)
    changes = document["changes"]
    assert len(changes) == min(100, document["changed"])
    sizes = [
        abs(change["version"]["probability_bankrupt"] - change["champion"]["probability_bankrupt"])
        for change in changes
    ]
    assert sizes == sorted(sizes, reverse=True)
    # Each change names its company, and what the two models make of it.
    change = changes[0]
    number = change["number"] - 2
    assert change["ids"] == {"name": f"C{number}"}
    assert change["champion"]["risk_level"] == project.levels(1)[number]
    # In a linear model, the effect of a feature is its coefficient times the distance to the median.
    row = project.rows[number]
    for reason in change["reasons"]:
        name = reason["feature"]
        assert reason["value"] == row[name]
        effects = [coefficient(project.models[version], name) * (row[name] - 0.5) for version in (1, 2)]
        assert reason["effect"] == pytest.approx(effects[1] - effects[0], abs=1e-5)
        assert reason["effect"] == round(reason["effect"], 6)
    assert len(change["reasons"]) == 3
    # With the change of the median company, all effects add up to the change of the score.
    X = [np.array([[row[name] for name in project.models[v].contract.names]]) for v in (1, 2)]
    scores = [project.models[v].log_odds(x)[0] for v, x in zip((1, 2), X, strict=True)]
    names = {*NAMES, *OTHERS}
    effects = [sum(coefficient(project.models[v], n) * (row[n] - 0.5) for n in names) for v in (1, 2)]
    medians = document["median_log_odds"]
    assert scores[1] - scores[0] == pytest.approx(
        effects[1] - effects[0] + medians["version"] - medians["champion"], abs=1e-9
    )


def coefficient(model: Model, name: str) -> float:
    """Return the log-odds that a feature of a linear model adds for each unit; 0 without the feature."""
    names = model.contract.names
    if name not in names:
        return 0.0
    rows = np.full((2, len(names)), 0.5)
    rows[1, names.index(name)] += 1
    low, high = model.log_odds(rows)
    return float(high - low)


def test_the_terminal_and_the_page_show_the_same(project: Project, tmp_path: Path) -> None:
    page = tmp_path / "preview.html"
    shown = project.preview("2", "--on", str(project.file), "--page", str(page))
    assert shown.exit_code == 0
    changed = sum(a != b for a, b in zip(project.levels(1), project.levels(2), strict=True))
    expected = f"{changed} companies of {COMPANIES} would have another risk level than with the champion"
    assert expected in " ".join(shown.output.split())
    text = page.read_text(encoding="utf-8")
    assert expected in text
    # The levels with their heading and total, and the changes with their heading.
    assert text.count("<tr>") == 4 + 1 + min(changed, 100)
    assert "<script" not in text


@pytest.mark.parametrize("place", ["missing/preview.html", "."])
def test_a_page_that_cannot_be_written_is_an_error(project: Project, tmp_path: Path, place: str) -> None:
    shown = project.preview("2", "--on", str(project.file), "--page", str(tmp_path / place))
    assert shown.exit_code == 1
    assert "can't be written" in " ".join(shown.output.split())


def test_a_page_does_not_overwrite_the_companies(project: Project) -> None:
    before = project.file.read_bytes()
    shown = project.preview("2", "--on", str(project.file), "--page", str(project.file))
    assert shown.exit_code == 2
    assert "would overwrite the companies" in " ".join(shown.output.split())
    assert project.file.read_bytes() == before


def test_companies_that_one_of_the_models_rejects_are_listed(project: Project) -> None:
    lines = project.file.read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0] + ","
    with written_whole(project.file) as partial:
        partial.write_text("\n".join(lines) + "\n")
    document = json.loads(project.preview("--on", str(project.file), "--json").stdout)
    assert document["companies"] == COMPANIES - 1
    assert document["errors"] == [{"number": 4, "error": "'margin' is empty"}]


def test_a_file_without_an_answer_has_no_mean(project: Project, tmp_path: Path) -> None:
    header, *rows = project.file.read_text().splitlines()
    with written_whole(project.file) as partial:
        partial.write_text("\n".join([header, *(f"{row.rpartition(',')[0]},none" for row in rows)]))
    page = tmp_path / "preview.html"
    shown = project.preview("2", "--on", str(project.file), "--page", str(page))
    assert "No company has an answer from both versions." in shown.output
    # AND the page has the first hundred problems
    text = page.read_text(encoding="utf-8")
    assert f"{COMPANIES} companies without an answer" in text
    assert text.count("&#x27;margin&#x27; is not a number") == 100


@pytest.mark.parametrize("name", ["companies.json", "companies.jsonl"])
def test_numbers_by_position_are_not_read_in_the_order_of_two_contracts(
    project: Project, tmp_path: Path, name: str
) -> None:
    # GIVEN two versions with as many columns, but others
    file = tmp_path / name
    numbers = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    by_position = [json.dumps({"data": row} if name.endswith("l") else row) for row in numbers]
    write_json(file, by_position)
    shown = project.preview("2", "--on", str(file))
    assert shown.exit_code == 1
    assert "The numbers are in the order of contract" in " ".join(shown.output.split())
    # AND numbers by name fit both
    write_json(file, [json.dumps(row) for row in project.rows])
    document = json.loads(project.preview("2", "--on", str(file), "--json").stdout)
    assert (document["companies"], document["errors"]) == (COMPANIES, [])


def write_json(file: Path, companies: list[str]) -> None:
    """Write companies as a JSON list, or as JSON Lines."""
    with written_whole(file) as partial:
        text = "\n".join(companies) if file.suffix == ".jsonl" else f"[{','.join(companies)}]"
        partial.write_text(text)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_changed_archive_is_not_loaded(project: Project, version: str) -> None:
    key = f"models/model-{version}/model.tar.gz"
    project.aws.client("s3").put_object(Bucket=project.aws.project.bucket, Key=key, Body=b"another")
    shown = project.preview("2", "--on", str(project.file))
    assert shown.exit_code == 1
    assert f"The archive of version {version} was changed" in " ".join(shown.output.split())


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "bomb"
    write_small_model(folder, NAMES, seed=3)
    path = folder / "model" / "model.json"
    path.write_text(path.read_text().ljust(4_000_001))
    register_folder(project.aws, folder)
    shown = project.preview("3", "--on", str(project.file))
    assert shown.exit_code == 1
    assert "model.json has 4,000,001 bytes; at most 4,000,000 are allowed." in " ".join(shown.output.split())


def test_an_archive_without_a_model_is_an_error(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    write_small_model(folder, NAMES, seed=3)
    (folder / "model" / "model.npz").unlink()
    register_folder(project.aws, folder)
    shown = project.preview("3", "--on", str(project.file))
    assert shown.exit_code == 1
    assert "The model of version 3 can't be loaded" in " ".join(shown.output.split())


def test_nothing_of_an_archive_is_executed(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "trap"
    write_small_model(folder, NAMES, seed=3)
    (folder / "model" / "model.joblib").write_bytes(b"\x80\x04not a pickle")
    for path in (folder / "model" / "code").rglob("*.py"):
        path.write_text("raise SystemExit('executed')")
    register_folder(project.aws, folder)
    assert project.preview("3", "--on", str(project.file)).exit_code == 0


def test_only_another_version_than_the_champion_can_be_previewed(project: Project) -> None:
    shown = project.preview("1", "--on", str(project.file))
    assert "Version 1 is the champion itself" in " ".join(shown.output.split())
    project.aws.client("s3").delete_object(Bucket=project.aws.project.bucket, Key="champion/contract.json")
    shown = project.preview("2", "--on", str(project.file))
    assert "There is no champion to compare version 2 with" in " ".join(shown.output.split())

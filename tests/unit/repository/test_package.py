"""The wheel holds everything that the `bankruptcy` command needs."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from setuptools import find_packages
from support.repository import ROOT

NOT_INSTALLED = ("benchmarks*", "lambda*", "tests*", "docs*", "build*")


def test_the_list_of_packages_is_complete() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()

    found = [*find_packages(str(ROOT), exclude=NOT_INSTALLED), *find_packages(str(ROOT / "lambda"))]

    assert set(listed) - {"infra"} == set(found)


def test_the_wheel_holds_all_code_and_data(tmp_path: Path) -> None:
    # GIVEN a copy of the sources, because building leaves files beside them
    folders = ("inference", "infra", "lambda", "local_aws", "pipeline", "scripts", "steps")
    for folder in folders:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tmp_path)
    # WHEN a wheel is built
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    # THEN it holds every file, with the Lambda packages at the top
    sources = {
        path.relative_to(tmp_path).as_posix().removeprefix("lambda/")
        for folder in folders
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == sources

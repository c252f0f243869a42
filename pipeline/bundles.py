"""Bundles the code of each job: the import closure of its step's module, named by its hash."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The only places that map a pipeline step to its module: of the training pipeline, and of monitoring.
STEP_MODULES = {
    "SelectFeatures": "steps.select_features",
    "Resample": "steps.resample",
    "TrainBaseline": "steps.train_baseline",
    "TrainRecommended": "steps.train_recommended",
    "Evaluate": "steps.evaluate",
}
MONITORING_MODULES = {
    "SummarizePredictions": "steps.summarize_predictions",
    "JudgePredictions": "steps.judge_predictions",
}
ENTRY_POINT = "run.py"
SOURCE = Path(__file__).resolve().parent.parent

# The image does not contain imbalanced-learn, and jobs install nothing. Both packages are pure Python.
_VENDORED = ("imblearn", "sklearn_compat")
_UPLOADS_AT_ONCE = 8
_OURS = ("steps", "inference")


@dataclass(frozen=True)
class Bundle:
    """The contents of a job's code folder.

    Parameters
    ----------
    files
        Contents by path relative to the folder, with forward slashes.
    sha256
        Hash of all paths and contents; the name of the folder in the bucket.
    """

    files: dict[str, bytes]
    sha256: str


def build_bundles(source: Path = SOURCE, modules: Mapping[str, str] = STEP_MODULES) -> dict[str, Bundle]:
    """Bundle the code of every step.

    Parameters
    ----------
    source
        The folder that contains ``steps/`` and ``inference/``. Nothing in it is imported.
    modules
        The module of each step.

    Raises
    ------
    ValueError
        If a module imports a module of ``steps`` that does not exist.
    """
    return {step: _bundle(source, module) for step, module in modules.items()}


def upload_bundles(s3: "S3Client", bucket: str, bundles: Mapping[str, Bundle]) -> dict[str, str]:
    """Upload the files that the bucket lacks, and return each step's code URI.

    Steps with the same code share a folder. The next upload completes an interrupted one.
    """
    uris = {}
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        for step, bundle in bundles.items():
            prefix = f"code/{bundle.sha256}/"
            uris[step] = f"s3://{bucket}/{prefix}"
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            present = {item["Key"] for page in pages for item in page.get("Contents", [])}
            missing = {
                prefix + path: content
                for path, content in bundle.files.items()
                if prefix + path not in present
            }
            # list() raises the error of a failed upload.
            list(
                pool.map(
                    lambda item: s3.put_object(Bucket=bucket, Key=item[0], Body=item[1]), missing.items()
                )
            )
    return uris


def _bundle(source: Path, module: str) -> Bundle:
    paths, imports = _closure(source, module)
    # A job starts a file, not a module, so this file starts the module next to it.
    run = f'import runpy\n\nrunpy.run_module("{module}", run_name="__main__", alter_sys=True)\n'
    files = {ENTRY_POINT: run.encode()}
    files |= {path.relative_to(source).as_posix(): path.read_bytes() for path in paths}
    if "inference" in imports:
        # Training imports the package itself, because it copies all of it into the model for the endpoint.
        files |= _package_files(source / "inference")
    if any(name.partition(".")[0] == "imblearn" for name in imports):
        for package in _VENDORED:
            files |= _package_files(_installed(package))
    return Bundle(dict(sorted(files.items())), _sha256(files))


def _closure(source: Path, module: str) -> tuple[set[Path], set[str]]:
    """Return our files that a module imports, directly or not, and the names of all imported modules."""
    found: set[Path] = set()
    imported: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        imported.add(name)
        if name.partition(".")[0] not in _OURS:
            continue
        parts = name.split(".")
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py first.
        for depth in range(1, len(parts) + 1):
            path = _file_of(source, parts[:depth])
            if path is None:
                raise ValueError(
                    f"A step imports {name}, but {source} has no module {'.'.join(parts[:depth])}."
                )
            if path not in found:
                found.add(path)
                pending += _imports(source, path)
    return found, imported


def _file_of(source: Path, parts: list[str]) -> Path | None:
    base = source.joinpath(*parts)
    candidates = (base / "__init__.py", base.with_name(base.name + ".py"))
    return next((path for path in candidates if path.is_file()), None)


def _imports(source: Path, path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, including imports inside functions."""
    parts = path.relative_to(source).with_suffix("").parts
    package = parts[:-1]
    for node in _import_statements(path.read_bytes(), str(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = list(package[: len(package) + 1 - node.level]) if node.level else []
            base = [*above, *(node.module.split(".") if node.module else [])]
            yield ".".join(base)
            # `from steps import frames` imports a module; `from steps.frames import values` does not.
            for alias in node.names:
                if _file_of(source, [*base, alias.name]):
                    yield ".".join([*base, alias.name])


@cache
def _import_statements(text: bytes, filename: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return a module's import statements; the steps have most of their modules in common."""
    nodes = ast.walk(ast.parse(text, filename=filename))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def _package_files(folder: Path) -> dict[str, bytes]:
    """Return a package's files without tests and compiled files."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes()
        for path in files
        if not {"__pycache__", "tests"} & set(path.relative_to(folder).parts)
    }


def _installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"The package {package} is part of a step's code but is not installed. Install the 'jobs' extra."
        )
    return Path(spec.submodule_search_locations[0])


def _sha256(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()

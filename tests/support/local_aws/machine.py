"""Starts local AWS again and again with the same state, after a stop or a crash."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from support.local_aws.cloud import (
    Cloud,
)

from local_aws.server import LocalAws


class Machine:
    """Starts local AWS again and again, with the state in one folder after the other."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._aws: LocalAws | None = None
        self._count = 0

    def start(self, **options: Any) -> Cloud:
        self.stop()
        self._aws = LocalAws(state=self.folder, **options)
        self._aws.start()
        cloud = Cloud(self._aws)
        self._stack.callback(cloud.close)
        return cloud

    def stop(self) -> None:
        if self._aws is not None:
            self._aws.stop()
            self._aws = None

    def crash(self, before_stop: Callable[[], None] = lambda: None) -> Cloud:
        """Start with the files as they are at this moment."""
        self._count += 1
        copy = self.folder.with_name(f"crash-{self._count}")
        shutil.copytree(self.folder, copy)
        before_stop()
        self.stop()
        self.folder = copy
        return self.start()

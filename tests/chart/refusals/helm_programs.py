"""Finds the helm programs on this machine: `helm`, and versions beside it such as `helm-v3.17.4`."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.left_out import left_out

NAME = re.compile(r"helm(-?v?[0-9.]+)?")


def _programs() -> list[object]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    files = (file for folder in folders if folder.is_dir() for file in folder.iterdir() if NAME.fullmatch(file.name))
    by_name = {file.name: str(file) for file in files if shutil.which(file)}
    # .ci/run repeats these tests with the program that comes with the local cluster.
    missing = left_out("no helm program on the PATH; the other tests use Helm's engine as a library")
    return [pytest.param(path, id=name) for name, path in sorted(by_name.items())] or [pytest.param("", marks=missing)]


PROGRAMS = _programs()

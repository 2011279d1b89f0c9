"""Copies of the chart that lack something."""

import shutil
from pathlib import Path

import pytest

from tests.chart.rendered import CHART


@pytest.fixture(scope="module")
def without_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart without its schema, as `--skip-schema-validation` treats it."""
    folder = tmp_path_factory.mktemp("chart") / "lea-payments"
    shutil.copytree(CHART, folder)
    (folder / "values.schema.json").unlink()
    return folder

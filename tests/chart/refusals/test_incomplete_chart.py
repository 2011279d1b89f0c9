"""Checks that a chart without its rules or dashboards is refused, as Flux or git on Windows would make one of links."""

import shutil
from collections.abc import Callable
from pathlib import Path

import helm_python as helm
import pytest

from dashboards import build
from tests.chart.rendered import CHART, ci, render

KINDS = {"rules": "prometheusRule", "dashboards": "dashboards"}
NAMES = [
    "index.yaml",
    *(f"{kind}/{file.name}" for kind in KINDS for file in sorted((CHART / "files" / kind).iterdir())),
]


def drop(folder: Path) -> None:
    shutil.rmtree(folder)


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def replace_by_text(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text(f"../../../dashboards/{folder.name}")


def replace_each_by_text(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_text(f"../../../../dashboards/{folder.name}/{file.name}")


def damage_one(folder: Path) -> None:
    file = max(folder.iterdir())
    file.write_text(f"]{file.read_text()}")


def blank_one(folder: Path) -> None:
    max(folder.iterdir()).write_text("")


@pytest.mark.parametrize("name", NAMES)
def test_each_single_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "lea-payments"
    shutil.copytree(CHART, copy)
    (copy / "files" / name).unlink()

    with pytest.raises(helm.HelmError, match=f"the chart is incomplete: files/{name} is missing"):
        render(ci("telemetry"), copy)

    assert list(render(ci("emulator"), copy)), "without rules and dashboards, it is not missing"


def test_an_index_that_names_too_little_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "lea-payments"
    shutil.copytree(CHART, copy)
    (copy / "files" / "index.yaml").write_text("rules: []\n")

    with pytest.raises(helm.HelmError, match=r"files/index\.yaml is missing or names no rules"):
        render(ci("telemetry"), copy)


@pytest.mark.parametrize("damage", [drop, empty, replace_by_text, replace_each_by_text, damage_one, blank_one])
@pytest.mark.parametrize("kind", KINDS)
def test_missing_or_damaged_files_are_refused(kind: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    copy = tmp_path / "lea-payments"
    shutil.copytree(CHART, copy)
    damage(copy / "files" / kind)

    with pytest.raises(helm.HelmError, match=r"the chart is (incomplete|damaged)") as refusal:
        render(ci("telemetry"), copy)

    assert f"set {KINDS[kind]}.enabled to false" in str(refusal.value)
    assert list(render(ci("emulator"), copy)), "without rules and dashboards, nothing is missing"


def test_a_chart_without_its_defaults_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "lea-payments"
    shutil.copytree(CHART, copy)
    (copy / "files" / "values.yaml").unlink()

    with pytest.raises(helm.HelmError, match="the chart is incomplete: files/values"):
        render(ci("emulator"), copy)


def test_the_copies_in_the_chart_equal_their_sources() -> None:
    assert build.outdated() == [], "run `make dashboards`"


def test_the_chart_has_no_links() -> None:
    assert [path for path in CHART.rglob("*") if path.is_symlink()] == []


def test_helm_packs_the_copies(tmp_path: Path) -> None:
    with helm.Chart.load(CHART) as chart:
        archive = chart.save(tmp_path)
    packed = render(ci("telemetry"), Path(archive))

    assert packed.by_file == render(ci("telemetry")).by_file

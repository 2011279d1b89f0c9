"""Writes the dashboards, the rules of the objectives, and the copies in the chart: `python -m dashboards.build`."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from dashboards import payment_outcomes, slo, webhook_health

FOLDER = Path(__file__).parent
CHART_FILES = FOLDER.parent / "charts" / "lea-payments" / "files"
COPIES = {FOLDER / "rules": CHART_FILES / "rules", FOLDER / "json": CHART_FILES / "dashboards"}
"""Folders and their copies in the chart. Flux would drop links, and git on Windows would write text files."""


def generated_files() -> Mapping[Path, str]:
    """The text of every generated file, by its path."""
    return {
        FOLDER / "json" / "payment-outcomes.json": payment_outcomes.as_json(),
        FOLDER / "json" / "webhook-health.json": webhook_health.as_json(),
        FOLDER / "rules" / "slo.yaml": slo.as_yaml(),
    }


def outdated() -> list[Path]:
    """The generated files and copies that differ from what they are made of."""
    files = [path for path, text in generated_files().items() if not path.is_file() or path.read_text() != text]
    return files + [copy for source, copy in COPIES.items() if _contents(source) != _contents(copy)]


def _contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file() and not path.is_symlink()}


def build() -> None:
    """Writes all generated files and copies."""
    for path, text in generated_files().items():
        path.write_text(text)
    for source, copy in COPIES.items():
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name, content in _contents(source).items():
            (copy / name).write_bytes(content)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if names := outdated():
            sys.exit(f"{', '.join(str(name) for name in names)} differ from their sources: run `make dashboards`.")
    else:
        build()

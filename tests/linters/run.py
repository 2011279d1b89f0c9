"""Lints the Dockerfile, the YAML files and the rendered chart: `python -m tests.linters.run`, for `make check`."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import helm_python as helm
import yaml

from tests.chart.rendered import CHART, NAMESPACE, ROOT, SETS, read, render
from tests.linters import schemas

RENDERED = ("emulator", "telemetry", "notifier", "mcp", "staging", "production")
FOR_MONEY = ("staging", "production")
"""Best practices hold for these; the others run stand-ins for development."""

EXCEPTIONS: Mapping[str, Mapping[str, str]] = yaml.safe_load((Path(__file__).parent / "exceptions.yaml").read_text())
"""By linter: the rules that we break, with the reason."""

CHECKOV = ROOT / ".venv" / "checkov" / "bin"

WITH_GO = "make linters, with Go"


class Linter(NamedTuple):
    """A program, how to get it, and its arguments for a folder of rendered manifests."""

    program: str
    hint: str
    arguments: Callable[[Path], Sequence[str]]


def _yamllint(_: Path) -> Sequence[str]:
    rules = {"truthy": {"check-keys": False}, **dict.fromkeys(EXCEPTIONS["yamllint"], "disable")}
    templates = CHART / "templates"
    tracked = (ROOT / line for line in _output("git", "ls-files", "*.yaml", "*.yml").splitlines())
    files = [str(file) for file in tracked if file.exists() and not file.is_relative_to(templates)]
    return ["--strict", "--config-data", yaml.safe_dump({"extends": "default", "rules": rules}), *files]


def _hadolint(_: Path) -> Sequence[str]:
    return [*_repeated("--ignore", EXCEPTIONS["hadolint"]), str(ROOT / "services" / "Dockerfile")]


def _kubeconform(folder: Path) -> Sequence[str]:
    location = schemas.write(folder / "schemas", [folder / f"{name}.yaml" for name in RENDERED])
    skipped = ",".join(EXCEPTIONS["kubeconform"])
    return ["-strict", "-skip", skipped, "-schema-location", location, *_manifests(folder, RENDERED)]


def _kube_score(folder: Path) -> Sequence[str]:
    ignored = _repeated("--ignore-test", EXCEPTIONS["kube-score"])
    flags = ["--ignore-container-cpu-limit", "--exit-one-on-warning", "--output-format", "ci"]
    return ["score", *flags, *ignored, *_manifests(folder, FOR_MONEY)]


def _checkov(folder: Path) -> Sequence[str]:
    files = [*_manifests(folder, FOR_MONEY), str(ROOT / "services" / "Dockerfile")]
    skipped = ",".join(EXCEPTIONS["checkov"])
    # By its interpreter, because no script can name one in a path with spaces.
    return [
        str(CHECKOV / "checkov"),
        "--quiet",
        "--compact",
        "--skip-download",
        "--skip-check",
        skipped,
        *_repeated("--file", files),
    ]


LINTERS: Mapping[str, Linter] = {
    "yamllint": Linter("yamllint", "make setup", _yamllint),
    "hadolint": Linter("hadolint", "make setup", _hadolint),
    "kubeconform": Linter("kubeconform", WITH_GO, _kubeconform),
    "kube-score": Linter("kube-score", WITH_GO, _kube_score),
    "checkov": Linter(str(CHECKOV / "python"), "make linters", _checkov),
}


def main() -> int:
    """Runs all linters that are installed, and returns 1 if one of them found something."""
    with tempfile.TemporaryDirectory() as folder:
        for name in RENDERED:
            objects = list(render(read(*SETS[name])))
            (Path(folder) / f"{name}.yaml").write_text(yaml.safe_dump_all(objects, sort_keys=False))
        failed = [*_helm_lint(), *(name for name in LINTERS if not _passes(name, Path(folder)))]
    print("Failed: " + ", ".join(failed) if failed else "All linters passed.")
    return 1 if failed else 0


def _helm_lint() -> Iterator[str]:
    """Helm's own linter with --strict, without a helm binary."""
    for name in RENDERED:
        report = helm.lint(CHART, read(*SETS[name]), strict=True, namespace=NAMESPACE)
        problems = [message for message in report["messages"] if message["severity"] > 1]
        for problem in problems:
            print(f"helm lint --strict, {name}: {problem}")
        if problems:
            yield f"helm lint ({name})"


def _passes(name: str, folder: Path) -> bool:
    linter = LINTERS[name]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which(linter.program, path=path)
    if program is None:
        print(f"{name}: skipped, not installed ({linter.hint})")
        return "CI" not in os.environ or (linter.hint == WITH_GO and shutil.which("go") is None)
    run = subprocess.run([program, *linter.arguments(folder)], capture_output=True, text=True, check=False, cwd=folder)
    print(f"{name}: passed" if run.returncode == 0 else f"{name}:\n{run.stdout}{run.stderr}")
    return run.returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def _manifests(folder: Path, names: Sequence[str]) -> Sequence[str]:
    return [str(folder / f"{name}.yaml") for name in names]


def _repeated(option: str, values: Iterator[str] | Sequence[str] | Mapping[str, str]) -> Sequence[str]:
    return [word for value in values for word in (option, value)]


if __name__ == "__main__":
    sys.exit(main())

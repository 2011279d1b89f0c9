"""Checks that the linters of `make check` find mistakes, and that each exception has a reason."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.chart.rendered import ci, render
from tests.linters import schemas
from tests.linters.run import EXCEPTIONS, LINTERS

BIN = Path(sys.executable).parent


def test_every_exception_has_a_reason() -> None:
    assert EXCEPTIONS.keys() == LINTERS.keys()
    assert [rule for rules in EXCEPTIONS.values() for rule, reason in rules.items() if len(reason) < 20] == []


def test_yamllint_finds_a_repeated_key(tmp_path: Path) -> None:
    """As with the files of this repository, whose rules are the same."""
    file = tmp_path / "values.yaml"
    file.write_text("a: 1\na: 2\n")
    arguments = LINTERS["yamllint"].arguments(tmp_path)
    run = subprocess.run([BIN / "yamllint", *arguments[:3], file], capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert "duplication of key" in run.stdout


def test_kubeconform_gets_schemas_without_open_references(tmp_path: Path) -> None:
    """It reads each of them alone, and refuses an unknown field."""
    manifest = tmp_path / "deployment.yaml"
    manifest.write_text(yaml.safe_dump(render(ci("emulator")).of("Deployment")["webhook"]))
    schemas.write(tmp_path / "schemas", [manifest])
    schema = json.loads((tmp_path / "schemas" / "deployment-apps-v1.json").read_text())
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema))

    assert references
    assert {one.removeprefix("#/$defs/") for one in references} <= schema["$defs"].keys()
    assert schema["$defs"]["io.k8s.api.apps.v1.DeploymentSpec"]["additionalProperties"] is False

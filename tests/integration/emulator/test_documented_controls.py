"""Executes the examples of the controls as they are written in docs/emulator.md."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stripe_emulator.controls.routes import CONTROLS, Control
from tests.docs.documents import ROOT, blocks
from tests.integration.emulator.conftest import Start

EXAMPLES = "\n".join(block.text for block in blocks(ROOT / "docs" / "emulator.md") if block.language == "bash")
DOCUMENTED_URL = "http://localhost:8087"
# `curl` is silent, and ends the script if the answer is an error.
PRELUDE = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_every_documented_example_works(start: Start, tmp_path: Path) -> None:
    emulator = start()
    assert DOCUMENTED_URL in EXAMPLES
    script = tmp_path / "examples.sh"
    script.write_text(PRELUDE + EXAMPLES.replace(DOCUMENTED_URL, emulator.url))

    finished = subprocess.run(["bash", "-x", script], capture_output=True, text=True, check=False)

    assert finished.returncode == 0, f"{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
    assert emulator.events() == []


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.method} {control.path}")
def test_every_control_has_an_example(control: Control) -> None:
    path = re.sub(r"\\{\w+\\}", r"\\$[^/]+", re.escape(control.path))
    calls = [line for line in EXAMPLES.splitlines() if re.search(rf"emulator{path}(?=[ \"?]|$)", line)]

    assert control.method in {_method(call) for call in calls}


def _method(call: str) -> str:
    if named := re.search(r"-X (\w+)", call):
        return named[1]
    return "POST" if " -d " in call else "GET"

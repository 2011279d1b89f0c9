import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import README, current

TEXT = README.read_text()


def test_the_blocks_made_from_the_code_are_current() -> None:
    assert current(TEXT) == TEXT, "run `make docs`"


def test_every_picture_is_there_and_small(root: Path) -> None:
    named = set(re.findall(r"docs/pictures/[\w.-]+", TEXT))

    assert named == {f"docs/pictures/{path.name}" for path in (root / "docs" / "pictures").iterdir()}
    assert all((root / name).stat().st_size < 150_000 for name in named)


def test_every_make_target_that_is_named_exists(root: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", TEXT, re.MULTILINE))

    assert named
    assert named <= targets


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:^|`|bin/)lea-payments ([a-z]+(?:-[a-z]+)*)\b", TEXT, re.MULTILINE)))
)
def test_every_command_that_is_named_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lea_payments", command, "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout

"""Reads the frozen records of version 0.1.0."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures" / "records_0_1_0"


def kinds() -> list[str]:
    """The kinds of records: the names of their files."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def frozen(kind: str) -> Any:
    """The item, and the events that version 0.1.0 applied to it."""
    return json.loads((FOLDER / f"{kind}.json").read_text())

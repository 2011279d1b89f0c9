import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.attacks import ATTACKS
from tests.docs import reference

NODE_ID = re.compile(r"(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)")
ATTACK = re.compile(r"attack `([a-z-]+)`")
SECTIONS = ("Trust boundaries", "What each service may do", "Attacks and their results")


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "SECURITY.md").read_text()


def _rows(text: str, section: str) -> Iterator[str]:
    """The rows of the table in a section, without its heading."""
    body = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    yield from [line for line in body.splitlines() if line.startswith("| ")][1:]


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_named_test_exists(root: Path, text: str) -> None:
    node_ids = set(NODE_ID.findall(text))

    assert len(node_ids) > 30
    assert {file for file, _ in node_ids if not (root / file).is_file()} == set()
    assert {f"{file}::{name}" for file, name in node_ids if name not in _tests_of(root / file)} == set()
    assert text.count("::") == len(NODE_ID.findall(text)), "an invalid node id"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_claim_names_a_test(text: str, section: str) -> None:
    rows = list(_rows(text, section))

    assert len(rows) > 5
    assert [row for row in rows if not NODE_ID.search(row) and not ATTACK.search(row)] == []


def test_every_attack_is_in_the_table(text: str) -> None:
    names = {attack.name for attack in ATTACKS}
    recorded = {row["name"] for row in json.loads(reference.ATTACK_RESULTS.read_text())["attacks"]}

    assert set(ATTACK.findall(text)) == names
    assert recorded == {"no-attack", *names}


def test_every_token_is_compared_in_constant_time(root: Path) -> None:
    """Checks the source, because measured times are not reliable: all comparisons are in one list."""
    tree = ast.parse((root / "services/lea_payments/serving/bearer.py").read_text())
    (check,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "index_of_token"]
    uses = {
        type(around).__name__
        for around in ast.walk(check)
        if isinstance(around, ast.ListComp | ast.GeneratorExp | ast.Compare)
        for inner in ast.walk(around)
        if isinstance(inner, ast.Name) and inner.id in ("token", "tokens", "given")
    }
    (comprehension,) = [node for node in ast.walk(check) if isinstance(node, ast.ListComp)]

    assert uses == {"ListComp"}, "a generator would stop at the first match, and == at the first different letter"
    assert ast.unparse(comprehension.elt).startswith("hmac.compare_digest(")
    assert not comprehension.generators[0].ifs

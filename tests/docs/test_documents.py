"""Checks that every code block, command, link and path in the documents is correct."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.published import report
from tests.docs import reference
from tests.docs.documents import (
    DOCUMENTS,
    ROOT,
    Block,
    Command,
    anchors,
    blocks,
    commands,
    inline_code,
    links,
    name_of,
)
from tests.docs.programs import PROGRAMS

README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
EMULATOR = ROOT / "docs" / "emulator.md"
OPERATIONS = ROOT / "docs" / "operations.md"
RUNBOOK = ROOT / "dashboards" / "runbook.md"
BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
COMMANDS = list({str(command): command for document in DOCUMENTS for command in commands(document)}.values())

CLASSES = {
    "sh": "checked here, command by command; executed in tests/integration/test_readme_flow.py where possible",
    "bash": "executed in tests/integration/emulator/test_documented_controls.py",
    "python": "executed in tests/integration/test_readme_flow.py and tests/integration/notifications",
    "js": "executed in tests/integration/notifications/test_receivers.py",
    "json": "compared with real answers, sent or tried in tests/integration",
    "promql": "executed in tests/monitoring/test_runbook.py",
    "mermaid": "checked here",
    "console": "the output of show, compared in tests/docs/test_shown_output.py",
    "text": "the import layers, compared here with pyproject.toml",
}
"""Every language of a code block, and how its blocks are tested."""


def _of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def test_every_code_block_belongs_to_a_tested_class() -> None:
    assert {block.language for block in BLOCKS} == CLASSES.keys()
    assert {block.document for block in _of("bash")} == {EMULATOR}
    assert {block.document for block in _of("python")} == {GUIDE}
    assert {block.document for block in _of("js")} == {GUIDE}
    assert {block.document for block in _of("json")} == {GUIDE, EMULATOR}
    assert {block.document for block in _of("promql")} == {RUNBOOK}
    assert {block.document for block in _of("text")} == {ARCHITECTURE}
    assert {block.document for block in _of("console")} == {OPERATIONS}


@pytest.mark.parametrize("block", _of("sh"), ids=str)
def test_every_shell_block_is_valid_shell(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_can_work(command: Command) -> None:
    program, *arguments = command.words

    assert program in PROGRAMS, "add a check for this program to tests/docs/programs.py"
    PROGRAMS[program](arguments)


@pytest.mark.parametrize("block", _of("json"), ids=str)
def test_every_json_block_is_valid_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_table_begins_with_its_headings(document: Path) -> None:
    """A blank line inside a table ends it: the rows below would be plain text."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)

    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        assert re.match(r".*\n\|(?: *:?-+:? *\|)+\n", table), table


@pytest.mark.parametrize("block", _of("mermaid"), ids=str)
def test_every_diagram_has_valid_lines(block: Block) -> None:
    node = r'[\w-]+(?:\["[^"]+"\]|\[\("[^"]+"\)\])?'
    first, *lines = block.text.splitlines()

    assert first == "flowchart LR"
    assert [line for line in lines if not re.fullmatch(rf" +{node}(?: -->(?:\|[^|]+\|)? {node})*", line)] == []


def test_the_readme_diagram_shows_every_service() -> None:
    (diagram,) = [block.text for block in _of("mermaid") if block.document == README]

    assert set(re.findall(r"[\w-]+", diagram)) >= {*reference.SERVICES, "stripe", "table"}


def test_the_readme_states_the_port_of_every_service() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+)", README.read_text(), re.MULTILINE))
    defaults = {service: kind.model_fields["port"].default for service, kind in reference.SERVICES.items()}

    assert {service: int(port) for service, port in rows.items()} == defaults


def test_the_documented_local_ports_are_the_forwarded_ones() -> None:
    section = (ROOT / "docs" / "kubernetes.md").read_text().partition("| port | what |")[2].partition("\n\n")[0]
    ports = re.findall(r"\d{4,5}", section)

    assert set(ports) == set(re.findall(r"localPort: (\d+)", (ROOT / "skaffold.yaml").read_text()))


def test_the_documented_layers_are_the_enforced_ones() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["lea_payments"]]
    (documented,) = [block.text.splitlines() for block in _of("text")]

    assert documented == layers
    assert len(layers) == 12


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_in_inline_code_exists(document: Path) -> None:
    bases = (ROOT, ROOT / "services", ROOT / "services" / "lea_payments", ROOT / "charts" / "lea-payments")
    paths = [code for code in inline_code(document) if re.fullmatch(r"[\w-]+/[\w./-]*", code)]
    files = [code for code in inline_code(document) if re.fullmatch(r"[\w./-]+\.(?:py|md|yaml|toml)", code)]
    project_paths = [path for path in (*paths, *files) if not path.startswith(("dashboards/json/", "http/", "table/"))]

    assert [path for path in project_paths if not any((base / path).exists() for base in bases)] == []


def test_the_documented_log_events_are_the_written_ones() -> None:
    table = (ROOT / "docs" / "operations.md").read_text().partition("| event | when |")[2].partition("\n\n")[0]
    documented = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    events_in_code = {name for path in (ROOT / "services" / "lea_payments").rglob("*.py") for name in _log_events(path)}

    assert [name for name in documented if not any(re.fullmatch(event, name) for event in events_in_code)] == []
    assert [event for event in events_in_code if not any(re.fullmatch(event, name) for name in documented)] == []


def _log_events(path: Path) -> Iterator[str]:
    """The names of the log events that a module writes, as patterns: a name may contain a variable."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _LOG_CALLS and node.args:
            name = node.args[0]
            for one in (name.body, name.orelse) if isinstance(name, ast.IfExp) else (name,):
                yield re.sub(r"\{.*?\}", r"\\w+", ast.unparse(one).removeprefix("f")[1:-1])


_LOG_CALLS = {"write", *(f"log.{level}" for level in ("debug", "info", "warning", "error", "exception"))}


def test_every_document_named_in_the_code_exists() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    documents = set(re.findall(r"docs/[\w./-]+\.md", sources))

    assert documents
    assert [name for name in documents if not (ROOT / name).is_file()] == []


def test_every_picture_is_used_and_small() -> None:
    linked_pictures = {Path(link).name for document in DOCUMENTS for link in links(document) if "pictures/" in link}
    pictures = list((ROOT / "docs" / "pictures").iterdir())

    assert linked_pictures == {path.name for path in pictures}
    assert all(path.stat().st_size < 150_000 for path in pictures)


def test_the_readme_is_one_page() -> None:
    assert len(README.read_text().split()) <= 900


def test_the_readme_links_every_guarantee_to_its_proof() -> None:
    why = README.read_text().partition("## Why")[2].partition("\n## ")[0]
    guarantees = re.findall(r"^- \*\*.+?(?=^- |\Z)", why, re.MULTILINE | re.DOTALL)

    assert len(guarantees) == 3
    assert all("](" in guarantee for guarantee in guarantees)


def test_the_readme_quotes_the_chaos_results() -> None:
    runs = json.loads(reference.CHAOS_RESULTS.read_text())["runs"]

    assert f"{sum(run['events'] for run in runs):,} events, {sum(run['lost'] for run in runs)} payments lost" in (
        README.read_text()
    )


def test_the_readme_states_the_licence() -> None:
    licence = (ROOT / "LICENSE").read_text().partition("\n")[0]

    assert licence == "Proprietary - Ancileo"
    assert licence in README.read_text()


@pytest.mark.parametrize("name", reference.PAGES)
def test_every_reference_page_is_current(name: str) -> None:
    assert (reference.FOLDER / name).read_text() == reference.text_of(name), "run `make docs`"


def test_the_reference_contains_generated_pages_only() -> None:
    assert {path.name for path in reference.FOLDER.iterdir()} == {
        *reference.PAGES,
        reference.CHAOS_RESULTS.name,
        reference.ATTACK_RESULTS.name,
        report.FILE.name,
    }


def test_every_decision_is_dated_and_states_its_cost() -> None:
    decisions = (ROOT / "docs" / "decisions.md").read_text().split("\n## ")[1:]

    assert len(decisions) > 20
    for decision in decisions:
        assert re.search(r"^\*\d{1,2} \w+ 20\d\d\*$", decision, re.MULTILINE), decision
        assert re.findall(r"^\*\*(Context|Choice|Cost)\.\*\*", decision, re.MULTILINE) == ["Context", "Choice", "Cost"]

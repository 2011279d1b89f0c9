"""Checks that the runbook has a section for every alert, and that its queries and commands work."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import typer

from dashboards.build import FOLDER
from dashboards.promql import SERVICES
from lea_payments.__main__ import app
from tests.monitoring import prometheus
from tests.monitoring.conftest import RELEASE, MonitoringStack
from tests.monitoring.promql import ALERTS, selectors
from tests.monitoring.test_contract import EXPECTED
from tests.support.simulation import NAMESPACE

TEXT = (FOLDER / "runbook.md").read_text()
HEADINGS = re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)
VERBS = {"cordon", "delete", "describe", "exec", "get", "logs", "scale", "top"}
COMPONENTS = {*SERVICES, "table-init"}
VERBS_WITHOUT_NAMESPACE = ("cordon",)


class Block(NamedTuple):
    """One fenced code block."""

    section: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.section}: {self.text.partition(chr(10))[0][:60]}"


def _blocks() -> Iterator[Block]:
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        for language, text in re.findall(r"^```(\w+)\n(.*?)\n```$", section, re.DOTALL | re.MULTILINE):
            yield Block(title, language, text)


BLOCKS = list(_blocks())
QUERIES = [block for block in BLOCKS if block.language == "promql"]
SHELL = [block for block in BLOCKS if block.language == "sh"]
LINES = [line for block in SHELL for line in block.text.splitlines()]


def test_every_alert_has_exactly_one_heading() -> None:
    assert set(HEADINGS) == ALERTS.keys()
    assert len(HEADINGS) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_section_has_meaning_diagnosis_and_mitigation(alert: str) -> None:
    section = TEXT.partition(f"\n## {alert}\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\*\*(\w+):\*\*", section, re.MULTILINE) == ["Meaning", "Diagnosis", "Mitigation"]
    assert any(block.section == alert for block in BLOCKS)


def test_internal_links_lead_to_headings() -> None:
    assert set(re.findall(r"\]\(#(\w+)\)", TEXT)) <= {heading.lower() for heading in HEADINGS}


def test_every_code_block_is_promql_or_shell() -> None:
    assert {block.language for block in BLOCKS} == {"promql", "sh"}


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_query_runs_on_a_real_prometheus(stack: MonitoringStack, query: Block) -> None:
    expr = query.text.replace("$NAMESPACE", NAMESPACE).replace("$RELEASE", RELEASE)

    assert "$" not in expr
    stack.prometheus.query(expr)
    for selector in selectors(expr):
        assert stack.prometheus.query(str(selector)), f"no series matches {selector}"


def test_the_promtool_command_runs(stack: MonitoringStack) -> None:
    (line,) = [line for line in LINES if line.startswith("promtool")]
    if prometheus.find_program("promtool") is None:
        pytest.skip(prometheus.INSTALL_HINT)
    env = {"PROMETHEUS": stack.prometheus.url, "PATH": os.environ["PATH"]}
    run = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    assert f'namespace="{NAMESPACE}"' in run.stdout


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_shell_block_is_valid_shell(block: Block) -> None:
    run = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("line", sorted({line for line in LINES if line.startswith("kubectl")}))
def test_every_kubectl_command_names_objects_of_the_chart(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" -- ")[0])
    verb = words[3] if words[1] == "-n" else words[1]

    assert verb in VERBS
    assert words[1] == "-n" or verb in VERBS_WITHOUT_NAMESPACE
    for name in re.findall(r"deploy/\$RELEASE-([\w-]+)", " ".join(words)):
        assert name in SERVICES
    for component in re.findall(r"app\.kubernetes\.io/component=([\w-]+)", line):
        assert component in COMPONENTS


OUR_COMMANDS = sorted(
    {command for line in LINES for command in re.findall(r"lea-payments [a-z]+(?:-[a-z]+)*[^|]*", line)}
)


@pytest.mark.parametrize("command", OUR_COMMANDS)
def test_every_lea_payments_command_has_its_options(command: str) -> None:
    _, name, *arguments = shlex.split(command)
    group: Any = typer.main.get_command(app)
    options = {option for parameter in group.commands[name].params for option in parameter.opts}

    assert {argument for argument in arguments if argument.startswith("--")} <= options


def test_queries_use_metrics_of_alerts_or_panels() -> None:
    names = {selector.name for query in QUERIES for selector in selectors(query.text)}

    assert {name for name in names if name.startswith("payments_")} <= {selector.name for selector in EXPECTED}

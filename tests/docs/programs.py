"""Checks a command of the documents: one function for each program, which raises if the command cannot work."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import botocore.session
import typer

from lea_demo.__main__ import app as demo_app
from lea_payments.__main__ import app as payments_app
from tests.chart import rendered
from tests.docs.documents import ROOT

KUBECTL_VERBS = {"cordon", "create", "delete", "describe", "exec", "get", "logs", "rollout", "scale", "top"}
HELM_VERBS = {"history", "install", "rollback", "template", "test", "uninstall", "upgrade"}
SKAFFOLD_VERBS = {"delete", "dev", "render", "run"}
SCRIPTS = {name: f"tests/{name}/run.py" for name in ("attack", "bench", "chaos", "upgrade")} | {
    "test": "tests/conftest.py"
}
"""The programs behind the targets that have options of their own."""

Arguments = Sequence[str]


def make(arguments: Arguments) -> None:
    """The target exists, and so does what ARGS names."""
    targets = [word for word in arguments if "=" not in word]
    makefile_targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(targets) <= makefile_targets
    for word in (part for one in arguments for part in one.partition("ARGS=")[2].split()):
        if word.startswith("--"):
            assert f'"{word}"' in (ROOT / SCRIPTS[targets[0]]).read_text()
        elif "/" in word:
            assert (ROOT / word).exists()


def own_command(app: typer.Typer) -> Callable[[Arguments], None]:
    """Returns a check that the command exists and accepts the arguments."""

    def check(arguments: Arguments) -> None:
        group: Any = typer.main.get_command(app)
        name, *rest = arguments
        assert name in group.commands
        group.commands[name].make_context(name, [word for word in rest if word != "--help"])

    return check


def curl(arguments: Arguments) -> None:
    """Only options that the test of the examples understands."""
    assert {word for word in arguments if word.startswith("-")} <= {"-X", "-H", "-d"}


def helm(arguments: Arguments) -> None:
    """The chart and the files of values exist, and Helm renders them."""
    words = _without_options(arguments, {"-n", "--namespace"})
    assert words[0] in HELM_VERBS
    files = [ROOT / value for option, value in pairwise(arguments) if option == "-f"]
    assert all(file.is_file() for file in files)
    if words[0] in {"install", "template", "upgrade"}:
        assert "charts/lea-payments" in words
        values = rendered.read(*files)
        for option, setting in pairwise(arguments):
            if option == "--set":
                values = rendered.merged(values, _value(setting))
        rendered.render(values)


def kubectl(arguments: Arguments) -> None:
    """The verb is known, and the chart creates what the command names."""
    words = _without_options(arguments, {"-n", "--namespace"})
    assert words[0] in KUBECTL_VERBS
    for name in re.findall(r"deploy(?:ment)?/(?:lea-payments|\$RELEASE)-([\w-]+)", " ".join(arguments)):
        assert name in _deployments()


def skaffold(arguments: Arguments) -> None:
    """The verb is known."""
    assert arguments[0] in SKAFFOLD_VERBS


def aws(arguments: Arguments) -> None:
    """AWS has this operation with these parameters, and no required one is missing."""
    service, operation, *rest = arguments
    model = botocore.session.get_session().get_service_model(service)
    shape: Any = model.operation_model(_camel(operation)).input_shape
    parameters = {_camel(word[2:]) for word in rest if word.startswith("--")} - {"Query", "Output"}
    assert parameters <= set(shape.members)
    assert set(shape.required_members) <= parameters


def docker(arguments: Arguments) -> None:
    """The Dockerfile has the target."""
    options = dict(pairwise(arguments))
    assert arguments[0] == "build"
    assert f" AS {options['--target']}" in (ROOT / options["-f"]).read_text()


def no_check(_: Arguments) -> None:
    """Another project's program, of which only the shell syntax is checked."""


PROGRAMS: Mapping[str, Callable[[Arguments], None]] = {
    "make": make,
    "lea-payments": own_command(payments_app),
    "lea-demo": own_command(demo_app),
    "curl": curl,
    "helm": helm,
    "kubectl": kubectl,
    "skaffold": skaffold,
    "aws": aws,
    "docker": docker,
    **dict.fromkeys(
        ("amtool", "date", "export", "grep", "jq", "kind", "promtool", "stripe", "stripe-emulator"), no_check
    ),
}
"""The check of each program. A program that is not in this table fails the test."""


def _value(setting: str) -> dict[str, Any]:
    """The value of `--set a.b=c`, nested as in a file of values, with placeholders such as YOUR_REGISTRY filled in."""
    path, _, text = setting.partition("=")
    value: Any = re.sub("YOUR_[A-Z_]+", "your.example", text)
    for key in reversed(path.split(".")):
        value = {key: value}
    return {**value}


def _without_options(arguments: Arguments, with_value: set[str]) -> list[str]:
    words: list[str] = []
    skip = False
    for word in arguments:
        if not skip and word not in with_value:
            words.append(word)
        skip = word in with_value
    return words


@cache
def _deployments() -> frozenset[str]:
    return frozenset(rendered.render(rendered.ci("mcp")).of("Deployment"))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))

"""Checks that rules that protect money hold by templates alone and by the schema alone, in every version of Helm."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.chart.refusals.helm_programs import PROGRAMS
from tests.chart.rendered import CHART, KUBERNETES, SETS, Values, ci, merged, read, render
from tests.support.examples import examples

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
NO_SECRETS: Values = {}
LIVE_EMULATOR = merged(ci("emulator"), {"stripe": {"livemode": True}})
NO_ROLES = {
    "dynamodb": {"mode": "aws"},
    "stripe": {"existingSecret": "s"},
    "checkout": {"existingSecret": "c"},
    "pages": {"publicUrl": "https://p.example.com"},
}


def changed(start: str, **overrides: Any) -> Values:
    """A set of values with other values on top."""
    return merged(ci(start), overrides)


def with_role(service: str, role: str) -> dict[str, Any]:
    """The role of one service."""
    return {service: {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": role}}}}


SERVICES_WITH_ROLES = ("webhook", "pages", "checkout", "reconciler", "tableInit")
UNSAFE: list[tuple[Values, str]] = [
    (NO_SECRETS, "stripe.existingSecret is empty: name the Secret"),
    (NO_SECRETS, "checkout.existingSecret is empty: name the Secret"),
    ({"stripe": None}, "stripe.existingSecret is empty"),
    (changed("sandbox", stripe={"existingSecret": ""}), "stripe.existingSecret is empty"),
    (LIVE_EMULATOR, "stripe.livemode is true, but emulator.enabled too"),
    (LIVE_EMULATOR, "stripe.livemode is true, but dynamodb.mode is not aws"),
    (changed("sandbox", stripe={"livemode": True}), "stripe.livemode is true, but dynamodb.mode is not aws"),
    (changed("sandbox", stripe={"livemode": "true"}), 'stripe.livemode is "true": set it to true or false'),
    (changed("sandbox", stripe={"account": "mine"}), 'stripe.account is "mine": use your account'),
    (changed("sandbox", emulator={"enabled": "false"}), 'emulator.enabled is "false": set it to true or false'),
    (changed("sandbox", dynamodb={"mode": "AWS"}), 'dynamodb.mode is "AWS": set it to local or aws'),
    (changed("aws", dynamodb={"aws": {"identity": "keys"}}), 'dynamodb.aws.identity is "keys": set it to irsa'),
    (changed("aws", emulator={"enabled": True}), "emulator.enabled is true in aws mode"),
    (changed("pod-identity", emulator={"enabled": True}), "emulator.enabled is true in aws mode"),
    (changed("aws", pages={"publicUrl": "http://pay.example.com"}), "in aws mode the pages are served by https"),
    (changed("pod-identity", pages={"publicUrl": None}), "in aws mode the pages are served by https"),
    (changed("emulator", pages={"publicUrl": "https://*.example.com"}), "a link needs one host"),
    (changed("emulator", pages={"publicUrl": "pay.example.com"}), "use a URL such as https://pay.example.com"),
    (changed("emulator", emulator={"apiKey": "sk_live_1"}), "emulator.apiKey does not start with sk_test_"),
    (changed("emulator", emulator={"apiToken": "short"}), "emulator.apiToken is neither demo-token nor"),
    (changed("emulator", emulator={"webhookSecret": "whsec_1"}), "emulator.webhookSecret is not whsec_"),
    *((NO_ROLES, f"{service}.serviceAccount.annotations has no role") for service in SERVICES_WITH_ROLES),
    *(
        (merged(ci("aws"), with_role(service, role)), f"{service}.serviceAccount.annotations has no role")
        for service in SERVICES_WITH_ROLES
        for role in ("", "arn:aws:iam::12:role/lea", "lea")
    ),
]
"""Values that could lose or take money, and how the templates refuse them."""


@pytest.fixture(scope="module")
def chart() -> Iterator[helm.Chart]:
    with helm.Chart.load(CHART) as loaded:
        yield loaded


@pytest.mark.parametrize(("values", "sentence"), UNSAFE)
def test_the_templates_alone_refuse(values: Values, sentence: str, without_schema: Path) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(values, without_schema)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize(("values", "_sentence"), UNSAFE)
def test_a_validator_of_draft_7_alone_refuses(values: Values, _sentence: str, chart: helm.Chart) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(chart.merge_values(values))


@pytest.mark.parametrize("name", SETS)
def test_a_validator_of_draft_7_accepts_safe_values(name: str, chart: helm.Chart) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(chart.merge_values(read(*SETS[name])))


@pytest.mark.parametrize("name", list(SETS)[:: examples(4, 1)])
def test_the_templates_alone_accept_safe_values(name: str, without_schema: Path) -> None:
    """The same templates accept them with the schema, in every test of a set of values."""
    assert render(read(*SETS[name]), without_schema).texts == render(read(*SETS[name])).texts


def test_all_violations_are_reported_together(without_schema: Path) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(NO_ROLES, without_schema)

    assert str(refusal.value).count("has no role") == len(SERVICES_WITH_ROLES)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("values", [NO_SECRETS, LIVE_EMULATOR, NO_ROLES], ids=["secrets", "live", "roles"])
@pytest.mark.parametrize("has_schema", [True, False], ids=["schema", "no-schema"])
def test_every_helm_refuses(program: str, values: Values, has_schema: bool, without_schema: Path) -> None:
    """Helm 3.0 to 3.17 validate by draft 7, later versions by newer drafts."""
    folder = CHART if has_schema else without_schema
    command = [program, "template", "x", str(folder), "--kube-version", KUBERNETES, "-f", "-"]

    finished = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)

    assert finished.returncode != 0
    assert finished.stdout == ""
    assert ("specifications of the schema" if has_schema else "these values are not safe") in finished.stderr

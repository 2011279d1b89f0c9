"""Checks which values of the notifier and of the agent's tools the chart refuses, with and without its schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.chart.refusals.test_guards import SCHEMA
from tests.chart.rendered import CHART, Values, ci, merged, render

HTTP = [{"name": "one", "url": "http://example.com/hook"}]


def notifier(**values: Any) -> Values:
    """The values of a notifier with these on top."""
    return merged(ci("notifier"), {"notifier": values})


def tools(**values: Any) -> Values:
    """The values of the agent's tools with these on top."""
    return merged(ci("mcp"), {"mcp": values})


def one(url: str, name: str = "one") -> list[dict[str, str]]:
    return [{"name": name, "url": url}]


REFUSED: Mapping[str, tuple[Values, str]] = {
    "no endpoint": (notifier(endpoints=[]), "notifier.endpoints is empty: name at least one receiver"),
    "no signing secret": (notifier(existingSecret=None), "notifier.existingSecret is empty: name the Secret"),
    "http": (notifier(endpoints=HTTP), '"one" is "http://example.com/hook": start it with https://, or set'),
    "http on AWS": (notifier(endpoints=HTTP, allowHttp=True), "notifier.allowHttp is true in aws mode"),
    "a user": (notifier(endpoints=one("https://me:pass@example.com/")), "use a URL such as https://orders.example"),
    "a comma": (notifier(endpoints=one("https://example.com/a,b")), "without a user, a comma or a fragment"),
    "a fragment": (notifier(endpoints=one("https://example.com/#a")), "without a user, a comma or a fragment"),
    "a name": (notifier(endpoints=one("https://example.com", "A b")), 'has the name "A b": use a-z, 0-9 and -'),
    "no CIDRs": (notifier(egressCidrs=[]), "notifier.egressCidrs is empty: list the CIDRs of the receivers"),
    "no role": (
        *(notifier(serviceAccount={"annotations": {"eks.amazonaws.com/role-arn": ""}}),),
        "notifier.serviceAccount.annotations has no role",
    ),
    "a switch as text": (notifier(enabled="true"), 'notifier.enabled is "true": set it to true or false'),
    "no tokens": (tools(existingSecret=None), "mcp.existingSecret is empty: name the Secret with the tokens"),
    "no cap": (tools(maxAmount=None), "mcp.maxAmount is empty: set a cap in minor units"),
    "no cap by hour": (tools(hourlyAmount=None), "mcp.hourlyAmount is empty: set a cap in minor units"),
    "a currency": (tools(maxAmount={"sgd": 1}), "mcp.maxAmount has sgd: 1: use an ISO currency code"),
    "a cap of zero": (tools(maxAmount={"SGD": 0}), "mcp.maxAmount has SGD: 0: use an ISO currency code"),
    "no links": (tools(hourlyLinks=0), "mcp.hourlyLinks is 0: each of 2 pods may create its part of them"),
    "no checkout": (
        *(merged(tools(), {"checkout": {"enabled": False}}),),
        "mcp.enabled is true, but checkout.enabled is false",
    ),
}
"""What both the templates and the schema refuse."""
REFUSED_BY_TEMPLATES: Mapping[str, tuple[Values, str]] = {
    "two of one name": (
        *(notifier(endpoints=one("https://a.example.com") + one("https://b.example.com")),),
        'notifier.endpoints has the name "one" twice: give each receiver its own',
    ),
    "no cap by hour for a currency": (
        *(tools(maxAmount={"USD": 1}),),
        "mcp.maxAmount has USD, but mcp.hourlyAmount does not",
    ),
    "fewer links than pods": (tools(hourlyLinks=3, replicas=4), "each of 4 pods may create its part of them"),
    "two secrets under one key": (
        *(tools(keys={"token": "PAYMENTS_API_TOKEN"}),),
        "are both PAYMENTS_API_TOKEN in the Secret my-mcp",
    ),
    "more pods at least than at most": (
        *(notifier(autoscaling={"enabled": True, "minReplicas": 9, "maxReplicas": 3}),),
        "notifier.autoscaling.minReplicas 9 is more than maxReplicas 3",
    ),
    "an address that needs an ingress": (
        *(tools(service={"type": "NodePort"}),),
        "mcp.service.type is NodePort: without an ingress nothing ends TLS",
    ),
    "a variable of the chart": (
        *(notifier(extraEnv=[{"name": "NOTIFY_SECRET", "value": "x"}]),),
        "notifier.extraEnv sets NOTIFY_SECRET, which the chart sets itself",
    ),
    "a volume of the chart": (
        *(tools(extraVolumes=[{"name": "clients", "emptyDir": {}}]),),
        "the pod of mcp would have the name clients of extraVolumes twice",
    ),
}


ALL_REFUSED = {**REFUSED, **REFUSED_BY_TEMPLATES}


@pytest.mark.parametrize(("values", "sentence"), ALL_REFUSED.values(), ids=ALL_REFUSED)
def test_the_templates_alone_refuse(values: Values, sentence: str, without_schema: Path) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(values, without_schema)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize(("values", "_sentence"), REFUSED.values(), ids=REFUSED)
def test_the_schema_alone_refuses(values: Values, _sentence: str) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(chart.merge_values(values))


@pytest.mark.parametrize(
    "values",
    [
        notifier(egressCidrs=[], extraEgress=[{"ports": [{"port": 443}]}]),
        merged(notifier(egressCidrs=[]), {"networkPolicy": {"extraEgress": [{"ports": [{"port": 3128}]}]}}),
        merged(notifier(egressCidrs=[]), {"networkPolicy": {"enabled": False}}),
        notifier(enabled=False, endpoints=[], existingSecret=None, egressCidrs=[]),
        tools(enabled=False, maxAmount=None, hourlyAmount=None, existingSecret=None),
    ],
    ids=["in the cluster", "by a proxy", "without policies", "no notifier", "no tools"],
)
def test_other_values_are_accepted(values: Values, without_schema: Path) -> None:
    with helm.Chart.load(CHART) as chart:
        jsonschema.Draft7Validator(SCHEMA).validate(chart.merge_values(values))

    assert list(render(values, without_schema))

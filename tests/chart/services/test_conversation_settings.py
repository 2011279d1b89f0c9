"""Checks that the notifier and the agent's tools can read the settings that the chart gives them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lea_payments.mcp.settings import McpServiceSettings
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.settings import CheckoutSettings, ReconcilerSettings, Settings, WebhookSettings
from tests.chart.rendered import ci, render, variables
from tests.support.notifications import notify_secret

WRITERS: Mapping[str, type[Settings]] = {
    "webhook": WebhookSettings,
    "checkout": CheckoutSettings,
    "reconciler": ReconcilerSettings,
}
TOKENS = {"MCP_TOKEN_FILE": "token-of-an-agent", "PAYMENTS_API_TOKEN_FILE": "demo-token"}


def environment(values: str, service: str) -> dict[str, str]:
    """The variables of a service that are not references, without OpenTelemetry's."""
    every = variables(render(ci(values)).pods()[service])
    return {name: value for name, value in every.items() if isinstance(value, str) and not name.startswith("OTEL_")}


@pytest.mark.parametrize(("values", "names"), [("notifier", ["orders", "mail"]), ("mcp", ["agent"])])
def test_the_notifier_gets_its_receivers(values: str, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "signing-secrets"
    file.write_text("".join(f"{name}={notify_secret(name)}\n{name}={notify_secret('old')}\n" for name in names))
    variables_ = environment(values, "notifier") | {"NOTIFY_SECRET_FILE": str(file)}

    settings = NotifierSettings.model_validate(variables_)

    assert [endpoint.name for endpoint in settings.endpoints()] == names
    assert {name: list(found) for name, found in settings.endpoint_secrets().items()} == {
        name: [notify_secret(name), notify_secret("old")] for name in names
    }
    assert settings.port == 8079


def test_a_receiver_with_a_filter_gets_only_its_types(tmp_path: Path) -> None:
    file = tmp_path / "signing-secrets"
    file.write_text("".join(f"{name}={notify_secret(name)}\n" for name in ("orders", "mail")))
    variables_ = environment("notifier", "notifier") | {"NOTIFY_SECRET_FILE": str(file)}

    orders, mail = NotifierSettings.model_validate(variables_).endpoints()

    assert len(orders.types) == 4
    assert mail.types == {"payment.completed", "payment.failed"}


def test_the_tools_get_their_caps_and_tokens(tmp_path: Path) -> None:
    files = {}
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(token)
        files[name] = str(tmp_path / name)
    secret = {"MCP_STATE_SECRET": "a-state-secret-of-more-than-32-characters"}

    settings = McpServiceSettings.model_validate(environment("mcp", "mcp") | files | secret)

    assert dict(settings.max_amount) == {"sgd": 100000, "myr": 5000000}
    assert settings.limits().hourly_links == 30
    assert settings.limits().hourly_amount["sgd"] == 1000000
    assert (settings.mcp_tokens, settings.port) == (("token-of-an-agent",), 8080)


@pytest.mark.parametrize("service", WRITERS)
def test_who_changes_payments_marks_them_only_with_a_notifier(service: str) -> None:
    field = WRITERS[service].model_fields["notifications"].validation_alias
    assert isinstance(field, str)

    assert environment("notifier", service)[field] == "true"
    assert field not in environment("aws", service)

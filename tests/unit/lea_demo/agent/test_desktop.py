"""Checks how a desktop client is connected to the demo."""

from lea_demo.agent import desktop
from lea_payments.mcp.settings import McpSettings

CHECKOUT, TOKEN = "http://localhost:8084", "demo-token"


def test_a_desktop_client_starts_the_tools_with_valid_settings() -> None:
    server = desktop.connection(CHECKOUT, TOKEN)["mcpServers"]["lea-payments"]

    assert server["args"] == ["-m", "lea_payments", "mcp"]
    assert McpSettings.model_validate(server["env"]).checkout_url == CHECKOUT


def test_a_scripted_sale_is_never_over_its_cap() -> None:
    variables = desktop.variables(CHECKOUT, TOKEN, 900_000, "usd")

    assert McpSettings.model_validate(variables).limits().max_amount == {"usd": 900_000}

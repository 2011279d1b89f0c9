"""Checks the settings of the MCP server."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from lea_payments.mcp.settings import McpServiceSettings, McpSettings

LOCAL = "http://checkout:8084"
TOKEN = "a-token-of-the-tests"
VARIABLES: Mapping[str, object] = {
    "MCP_CHECKOUT_URL": LOCAL,
    "PAYMENTS_API_TOKEN": TOKEN,
    "MCP_MAX_AMOUNT": "SGD=500000, JPY=90000",
    "MCP_HOURLY_AMOUNT": "SGD=5000001,JPY=90000,MYR=1",
    "MCP_TOKEN": TOKEN,
    "MCP_STATE_SECRET": "s" * 32,
}


def settings(**changes: object) -> McpServiceSettings:
    return McpServiceSettings.model_validate({**VARIABLES, **changes})


def problem(**changes: object) -> str:
    with pytest.raises(ValidationError) as raised:
        settings(**changes)
    return str(raised.value)


def test_caps_are_read_for_each_currency() -> None:
    limits = settings().limits()

    assert limits.max_amount == {"sgd": 500000, "jpy": 90000}
    assert (limits.hourly_amount["sgd"], limits.hourly_links) == (5000001, 100)


def test_each_replica_has_its_part_of_the_caps_per_hour() -> None:
    limits = settings(MCP_REPLICAS=3, MCP_HOURLY_LINKS=10).limits()

    assert (limits.hourly_amount["sgd"], limits.hourly_links) == (1666667, 3)
    assert limits.max_amount["sgd"] == 500000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MCP_MAX_AMOUNT": "500000"}, "not a list of caps"),
        ({"MCP_MAX_AMOUNT": "SGD=0"}, "not a list of caps"),
        ({"MCP_MAX_AMOUNT": "XXX=1"}, "not a list of caps"),
        ({"MCP_MAX_AMOUNT": "SGD=1,sgd=2"}, "not a list of caps"),
        ({"MCP_MAX_AMOUNT": 5}, "valid dictionary"),
        ({"MCP_MAX_AMOUNT": "EUR=5"}, "MCP_HOURLY_AMOUNT lacks EUR"),
        ({"MCP_HOURLY_LINKS": 1, "MCP_REPLICAS": 2}, "less than MCP_REPLICAS"),
        ({"MCP_STATE_SECRET": "short"}, "fewer than 32 characters"),
        ({"MCP_STATE_SECRET": "s" * 32 + "," + "s" * 32}, "twice"),
        ({"MCP_TOKEN": "short"}, "fewer than 16 characters"),
        ({"MCP_TOKEN": "demo-token", "MCP_CHECKOUT_URL": "https://checkout.example.com"}, "published"),
        ({"PAYMENTS_API_TOKEN": "demo-token", "MCP_CHECKOUT_URL": "https://checkout.example.com"}, "published"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_invalid_setting_is_refused(changes: dict[str, object], words: str) -> None:
    assert words in problem(**changes)


def test_the_startup_line_has_no_secret() -> None:
    current = settings()

    assert current.summary()["tokens"] == 1
    assert TOKEN not in str(current.summary())
    assert "s" * 32 not in str(current.summary())


def test_a_desktop_client_needs_no_token_of_agents() -> None:
    variables = {name: value for name, value in VARIABLES.items() if name not in ("MCP_TOKEN", "MCP_STATE_SECRET")}

    assert McpSettings.model_validate(variables).hourly_links == 100

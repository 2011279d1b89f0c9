"""Says how a desktop client starts the agent's tools for the demo."""

import sys
from collections.abc import Mapping
from typing import Any

HIGHEST_AMOUNT = 500_000
HOURLY_PAYMENTS = 20


def variables(checkout: str, token: str, amount: int = HIGHEST_AMOUNT, currency: str = "sgd") -> Mapping[str, str]:
    """The variables of `lea-payments mcp` for this checkout API, with a cap of at least this amount."""
    cap = max(amount, HIGHEST_AMOUNT)
    return {
        "MCP_CHECKOUT_URL": checkout,
        "PAYMENTS_API_TOKEN": token,
        "MCP_MAX_AMOUNT": f"{currency.upper()}={cap}",
        "MCP_HOURLY_AMOUNT": f"{currency.upper()}={cap * HOURLY_PAYMENTS}",
        "NO_PROXY": "localhost,127.0.0.1",
    }


def connection(checkout: str, token: str) -> Mapping[str, Any]:
    """The entry of the tools in the settings of a desktop client."""
    return {
        "mcpServers": {
            "lea-payments": {
                "command": sys.executable,
                "args": ["-m", "lea_payments", "mcp"],
                "env": {**variables(checkout, token)},
            }
        }
    }

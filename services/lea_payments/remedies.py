"""Says what to do about a setting that is missing or invalid."""

from collections.abc import Mapping

from pydantic.fields import FieldInfo

REMEDIES = {
    "STRIPE_WEBHOOK_SECRET": "copy it from Stripe's dashboard, Developers > Webhooks, and put commas between several",
    "STRIPE_WEBHOOK_SECRET_FILE": "write only signing secrets (whsec_…) into the file, one per line",
    "STRIPE_SECRET_KEY": "set it to a key from Stripe's dashboard, Developers > API keys (sk_test_… for a sandbox)",
    "PAYMENTS_API_TOKEN": "set it to a long random text, for example from `openssl rand -hex 32`",
    "MCP_CHECKOUT_URL": "set it to the URL of the checkout API, such as http://localhost:8084",
    "MCP_TOKEN": "set it to a long random text for the agents, for example from `openssl rand -hex 32`",
    "MCP_STATE_SECRET": "set it to a text from `openssl rand -hex 32`, the same for all replicas",
    "MCP_MAX_AMOUNT": "set a cap for each currency in minor units, such as SGD=500000,MYR=200000",
    "MCP_HOURLY_AMOUNT": "set a cap for each currency of MCP_MAX_AMOUNT, such as SGD=5000000,MYR=2000000",
    "DDB_ENDPOINT": "set it to a URL such as http://localhost:8000, or leave it empty for AWS",
}
"""What to do about a setting that is missing or invalid."""


def explain(fields: Mapping[str, FieldInfo], location: tuple[int | str, ...], message: str) -> str:
    """The sentence about one error of pydantic, which has the location and the message."""
    problem = message.removeprefix("Value error, ")
    if not location:
        return problem
    # pydantic names the field, and not the variable, if the variable is not set.
    field = fields.get(str(location[0]))
    return sentence(str(field.validation_alias if field else location[0]), problem)


def sentence(name: str, problem: str) -> str:
    """The problem of a variable, and what to do about it."""
    return f"{name}: {problem}; {REMEDIES.get(name, 'see docs/reference/settings.md')}"

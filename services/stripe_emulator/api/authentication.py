"""Checks the API key of a request."""

import base64

from stripe_emulator.reference.errors import StripeApiError

KEYS = ("sk_test_", "rk_test_")


def check(authorization: str) -> None:
    """Raise a StripeApiError unless the header carries a test key, as bearer token or by basic authentication."""
    key = _key(authorization)
    if not key:
        raise StripeApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not key.startswith(KEYS):
        hidden = f"{key[:7]}{'*' * 8}{key[-4:]}"
        raise StripeApiError(
            f"Invalid API Key provided: {hidden} (this emulator accepts sk_test_… and rk_test_… keys)", status=401
        )


def _key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return credentials.strip()
    try:
        return base64.b64decode(credentials.strip()).decode().partition(":")[0]
    except ValueError:
        return "not base64"
